#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "runtime/mutex.h"

namespace portcall::app {

// Which checks fail now, by name. Callable from any thread.
class Health {
 public:
  // Called on the caller's thread whenever the process turns unhealthy or healthy, in order.
  using OnTurn = std::function<void(bool healthy)>;
  explicit Health(OnTurn on_turn) : on_turn_(std::move(on_turn)) {}

  void Fail(const std::string& check, std::string why);
  void Pass(const std::string& check);
  std::map<std::string, std::string> failing() const;
  bool healthy() const;

 private:
  const OnTurn on_turn_;
  mutable runtime::Mutex mutex_;
  std::map<std::string, std::string> failing_ GUARDED_BY(mutex_);
};

}  // namespace portcall::app
