#pragma once

#include <memory>
#include <string>

#include "runtime/http/client.h"
#include "tests/support/loop_runner.h"
#include "tests/support/name_system.h"

namespace portcall::http {

// A client on its own loop, used from the test's thread.
class ClientStage {
 public:
  explicit ClientStage(const std::string& url, ClientOptions options = {}) {
    options.url = *ParseUrl(url);
    head_ = "POST " + options.url.target + " HTTP/1.1\r\nHost: " + options.url.host_header() + "\r\n";
    client_ = std::make_unique<Client>(runner.executor(), resolver, std::move(options));
  }
  ~ClientStage() {
    runner.Call([this] { client_.reset(); });
  }

  std::future<Result<Incoming>> Start(std::string_view body = "hello",
                                      std::chrono::milliseconds timeout = std::chrono::seconds(20),
                                      bool resend_on_stale = true) {
    return runner.Start(client_->Send({head_, body, resend_on_stale}, timeout));
  }
  Result<Incoming> Send(std::string_view body = "hello", std::chrono::milliseconds timeout = std::chrono::seconds(20),
                        bool resend_on_stale = true) {
    return testing::LoopRunner::Await(Start(body, timeout, resend_on_stale));
  }
  // A 2xx counts by its head.
  Result<Incoming> SendForHead(std::string_view body = "hello",
                               std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    return runner.Run(client_->Send({.head = head_, .body = body, .head_suffices = true}, timeout));
  }
  // The body is wanted, but a 2xx counts without.
  std::future<Result<Incoming>> StartForBody(std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    return runner.Start(client_->Send({.head = head_, .body = "x", .cut_counts = true}, timeout));
  }
  Result<Incoming> SendForBody(std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    return testing::LoopRunner::Await(StartForBody(timeout));
  }
  std::size_t idle() {
    return runner.Call([this] { return client_->idle(); });
  }
  void Close() {
    runner.Call([this] { client_->Close(); });
  }
  void Interrupt() {
    runner.Call([this] { client_->Interrupt(); });
  }
  void Abort() {
    runner.Call([this] { client_->Abort(); });
  }

  testing::NameSystem names;
  testing::LoopRunner runner;
  Resolver resolver{names.look_up()};

 private:
  std::string head_;
  std::unique_ptr<Client> client_;
};

}  // namespace portcall::http
