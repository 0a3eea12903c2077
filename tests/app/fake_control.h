#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/control.h"

namespace portcall::app {

// Remembers what it was asked to do, and answers as it is told to.
class FakeControl final : public broker::Control {
 public:
  Result<void> Apply(config::ConfigPtr) override { return {}; }
  Result<void> Pause(const std::string& name, const std::string& reason, const std::string& by) override {
    asked.push_back("pause " + name + " " + reason + " " + by);
    if (refusal) return *refusal;
    if (after_change) after_change();
    return {};
  }
  Result<bool> Resume(const std::string& name, const std::string& by) override {
    asked.push_back("resume " + name + " " + by);
    if (refusal) return *refusal;
    if (after_change) after_change();
    return true;
  }
  Result<std::int64_t> Drop(const std::string& name, const std::string& by) override {
    asked.push_back("drop " + name + " " + by);
    if (refusal) return *refusal;
    return 7;
  }
  Result<void> DropDead(std::int64_t id, const std::string& by) override {
    if (before_drop) before_drop(id);
    const std::lock_guard lock(mutex);
    asked.push_back("dead " + std::to_string(id) + " " + by);
    if (refusal) return *refusal;
    return {};
  }
  std::vector<broker::EndpointStatus> Status() const override { return status; }
  void Show() override {}
  bool LogIsFull() const override { return full; }

  std::mutex mutex;  // of what may be dropped by several threads
  std::vector<std::string> asked;
  std::optional<Error> refusal;
  std::vector<broker::EndpointStatus> status;
  std::function<void()> after_change;
  std::function<void(std::int64_t)> before_drop;
  bool full = false;
};

}  // namespace portcall::app
