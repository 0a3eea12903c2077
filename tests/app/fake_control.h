#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
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
  Result<broker::EndedDead> DropDead(broker::DeadIds ids, const std::string& by) override {
    return End("dead", ids, by);
  }
  Result<broker::EndedDead> RetryDead(broker::DeadIds ids, const std::string& by) override {
    return End("retry", ids, by);
  }
  Result<broker::EndedDead> End(const std::string& verb, broker::DeadIds ids, const std::string& by) {
    broker::EndedDead ended;
    ended.looked_at = ids.size();
    for (const std::int64_t id : ids) {
      if (before_drop) before_drop(id);
      const std::lock_guard lock(mutex);
      asked.push_back(verb + " " + std::to_string(id) + " " + by);
      if (gone.contains(id)) {
        ended.left.push_back({id, "no dead letter " + std::to_string(id), true});
      } else {
        ++ended.done;
      }
    }
    if (refusal) return *refusal;
    return ended;
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
  std::set<std::int64_t> gone;  // dead letters that there are none of
  bool full = false;
};

}  // namespace portcall::app
