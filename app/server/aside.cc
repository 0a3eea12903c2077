#include "app/server/aside.h"

#include <system_error>
#include <thread>
#include <utility>

#include "runtime/task_limit.h"

namespace portcall::app {

Result<void> Aside::Start(std::function<void()> job) {
  if (!OverWithin(std::chrono::milliseconds(0))) return Error(Errc::kConflict, "what was begun before is not over");
  Await();
  std::packaged_task<void()> task(std::move(job));
  std::future<void> over = task.get_future();
  try {
    std::thread(std::move(task)).detach();
  } catch (const std::system_error&) {
    return runtime::NoThread();
  }
  job_ = std::move(over);
  return {};
}

bool Aside::OverWithin(std::chrono::milliseconds patience) {
  return !job_.valid() || job_.wait_for(patience) == std::future_status::ready;
}

void Aside::Await() {
  if (job_.valid()) std::exchange(job_, {}).get();
}

}  // namespace portcall::app
