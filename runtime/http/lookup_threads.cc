#include "runtime/http/lookup_threads.h"

#include <pthread.h>

#include <deque>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/mutex.h"
#include "runtime/task_limit.h"

namespace portcall::http {
namespace {

// What lookups leave of the tasks that the system allows, for reloads, the log and sinks that have threads.
constexpr std::uint64_t kLeft = 16;

bool OthersHaveEnough() {
  const auto limit = runtime::ReadTaskLimit();
  return !limit || limit->left() > kLeft;
}

}  // namespace

struct LookupThreads::State {
  runtime::Mutex mutex;
  std::deque<std::function<void()>> jobs GUARDED_BY(mutex);  // one for each name at most, since lookups are joined
  std::size_t threads GUARDED_BY(mutex) = 0;
};

LookupThreads::LookupThreads() : state_(std::make_shared<State>()) {}

bool LookupThreads::Run(std::function<void()> job) {
  const runtime::MutexLock lock(state_->mutex);
  state_->jobs.push_back(std::move(job));
  if (state_->threads == kMost) return true;
  if (state_->threads > 0 && !OthersHaveEnough()) return true;  // those that there are will come to it
  try {
    std::thread([state = state_] {
      pthread_setname_np(pthread_self(), "names");
      Work(*state);
    }).detach();
    ++state_->threads;
  } catch (const std::system_error&) {
    if (state_->threads > 0) return true;  // they will come to it
    state_->jobs.pop_back();
    return false;
  }
  return true;
}

void LookupThreads::Work(State& state) {
  while (true) {
    std::function<void()> job;
    {
      const runtime::MutexLock lock(state.mutex);
      if (state.jobs.empty()) {
        --state.threads;
        return;
      }
      job = std::move(state.jobs.front());
      state.jobs.pop_front();
    }
    job();
  }
}

}  // namespace portcall::http
