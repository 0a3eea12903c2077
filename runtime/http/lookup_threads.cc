#include "runtime/http/lookup_threads.h"

#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/mutex.h"
#include "runtime/task_limit.h"

namespace portcall::http {
namespace {

// What lookups leave of the tasks that the system allows, for reloads, the log and sinks that have threads.
constexpr std::uint64_t kLeft = 16;

// Reading the limits takes system calls for each group above ours, on a loop.
constexpr std::chrono::seconds kKeepLimit(2);

}  // namespace

struct LookupThreads::State {
  // Whether a thread may be added. Those that were added since the limit was read count.
  bool OthersHaveEnough() REQUIRES(mutex) {
    const auto now = std::chrono::steady_clock::now();
    if (!looked || now - *looked >= kKeepLimit) {
      const auto limit = runtime::ReadTaskLimit();
      left = limit ? std::optional(limit->left()) : std::nullopt;
      looked = now;
    }
    return !left || *left > kLeft;
  }

  runtime::Mutex mutex;
  std::optional<std::chrono::steady_clock::time_point> looked GUARDED_BY(mutex);
  std::optional<std::uint64_t> left GUARDED_BY(mutex);
  std::deque<std::function<void()>> jobs GUARDED_BY(mutex);  // one for each name at most, since lookups are joined
  std::size_t threads GUARDED_BY(mutex) = 0;
};

LookupThreads::LookupThreads() : state_(std::make_shared<State>()) {}

bool LookupThreads::Run(std::function<void()> job) {
  const runtime::MutexLock lock(state_->mutex);
  state_->jobs.push_back(std::move(job));
  if (state_->threads == kMost) return true;
  if (state_->threads > 0 && !state_->OthersHaveEnough()) return true;  // those that there are will come to it
  try {
    std::thread([state = state_] {
      pthread_setname_np(pthread_self(), "names");
      Work(*state);
    }).detach();
    ++state_->threads;
    if (state_->left && *state_->left > 0) --*state_->left;
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
