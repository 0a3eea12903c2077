#include "app/debug/health.h"

#include <utility>

namespace portcall::app {

void Health::Fail(const std::string& check, std::string why) {
  const runtime::MutexLock lock(mutex_);
  const bool turned = failing_.empty();
  failing_.insert_or_assign(check, std::move(why));
  if (turned) on_turn_(false);
}

void Health::Pass(const std::string& check) {
  const runtime::MutexLock lock(mutex_);
  if (failing_.erase(check) > 0 && failing_.empty()) on_turn_(true);
}

std::map<std::string, std::string> Health::failing() const {
  const runtime::MutexLock lock(mutex_);
  return failing_;
}

bool Health::healthy() const {
  const runtime::MutexLock lock(mutex_);
  return failing_.empty();
}

}  // namespace portcall::app
