#pragma once

#include <memory>

#include "config/config.h"
#include "runtime/http/client.h"
#include "sinks/formats/format.h"
#include "sinks/http/redactor.h"
#include "sinks/http/redirects.h"
#include "sinks/kind.h"
#include "sinks/sink.h"

namespace portcall::sinks {

// What `hmac` says: the body's HMAC goes along as sha256=<hex>.
struct WebhookConfig : config::Settings {
  std::string hmac_secret, hmac_header = "X-Signature";  // secret empty: none
};

// POSTs an event in its endpoint's format to a URL, one attempt per request. What is the same in every head is made
// once; an event's own header lines and the body's HMAC come after it.
class Webhook final : public Sink {
 public:
  // kInvalid: the URL, a header or the TLS files; says which, never the value of a header.
  static Result<std::unique_ptr<Sink>> Make(const config::Endpoint& endpoint, const Surroundings& around);

  Capacity capacity() const override;
  Task<Outcome> Deliver(Batch batch) override;
  void Interrupt() override { client_->Interrupt(); }
  void Abort() override { client_->Abort(); }

 private:
  Webhook(const config::Endpoint& endpoint, WebhookConfig own, const http::ClientOptions& to);
  std::shared_ptr<const Encoded> Encode(const Batch& batch) const;
  Outcome Judge(http::Incoming answer) const;

  Capacity capacity_;
  std::chrono::milliseconds timeout_;
  bool resend_on_stale_;
  const Format* format_ = nullptr;
  std::string source_, shape_, head_;
  std::shared_ptr<SharedBodies> bodies_;
  WebhookConfig own_;
  std::vector<std::string> hidden_;
  Redactor redactor_;
  Redirects redirects_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace portcall::sinks
