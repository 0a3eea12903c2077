#pragma once

#include <memory>

#include "config/config.h"
#include "runtime/http/client.h"
#include "sinks/factory.h"
#include "sinks/redactor.h"
#include "sinks/sink.h"

namespace portcall::sinks {

// POSTs an envelope to a URL, one attempt per request. The head is the same for all attempts and made once.
class Webhook final : public Sink {
 public:
  // kInvalid: the URL, a header or the TLS files; says which, never the value of a header.
  static Result<std::unique_ptr<Sink>> Make(const config::Endpoint& endpoint, const Surroundings& around);

  Capacity capacity() const override;
  Task<Outcome> Deliver(Batch batch) override;
  void Abort() override { client_->Abort(); }

 private:
  using Format = std::string (*)(std::span<const store::EventPtr>);
  Webhook(const config::Endpoint& endpoint, const http::Url& url);
  Outcome Judge(http::Incoming answer) const;

  Capacity capacity_;
  std::chrono::milliseconds timeout_;
  bool resend_on_stale_;
  Format format_ = nullptr;
  std::string head_;
  Redactor redactor_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace portcall::sinks
