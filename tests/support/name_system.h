#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/http/resolver.h"

namespace portcall::testing {

// Answers as the system does, and while it is held not at all.
class NameSystem {
 public:
  static constexpr std::string_view kTwoAddresses = "two.test";  // 127.0.0.2, and then 127.0.0.1
  ~NameSystem() {
    shared_->gone = true;
    Release();
  }
  void Hold() { shared_->held = true; }
  void Release() {
    if (!std::exchange(released_, true)) shared_->answer.set_value();
  }
  int asked() const { return shared_->asked; }

  http::Resolver::LookUp look_up() const {
    return [shared = shared_, released = shared_->answered](const std::string& host) -> http::Resolver::Answer {
      ++shared->asked;
      if (shared->held) released.wait();
      if (shared->gone) return Error(Errc::kUnavailable, "too late");  // its thread may run when the process ends
      if (host == kTwoAddresses) {
        return std::vector{asio::ip::make_address("127.0.0.2"), asio::ip::make_address("127.0.0.1")};
      }
      return http::Resolver::AskSystem(host);
    };
  }

 private:
  struct Shared {
    std::atomic<bool> held = false, gone = false;
    std::atomic<int> asked = 0;
    std::promise<void> answer;
    std::shared_future<void> answered = answer.get_future().share();
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  bool released_ = false;
};

}  // namespace portcall::testing
