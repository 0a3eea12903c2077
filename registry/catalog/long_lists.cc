#include "registry/catalog/long_lists.h"

#include <functional>
#include <list>
#include <optional>

#include "runtime/mutex.h"
#include "runtime/timer.h"

namespace portcall::registry {

struct LongLists::State {
  struct Waiter {
    Resume<bool> resume;
  };
  using Place = std::shared_ptr<Waiter>;

  // Resumes at once where nobody waits, or too many do.
  void Wait(const Place& place) {
    bool taken = false;
    {
      const runtime::MutexLock lock(mutex);
      if (busy && waiting.size() < kWaiters) return waiting.push_back(place);
      taken = !std::exchange(busy, true);
    }
    place->resume(taken);
  }
  void GiveUp(const Place& place) {
    {
      const runtime::MutexLock lock(mutex);
      if (waiting.remove(place) == 0) return;  // it has its answer
    }
    place->resume(false);
  }
  void Pass() {
    Place next;
    {
      const runtime::MutexLock lock(mutex);
      busy = !waiting.empty();
      if (!busy) return;
      next = std::move(waiting.front());
      waiting.pop_front();
    }
    next->resume(true);
  }

  runtime::Mutex mutex;
  bool busy GUARDED_BY(mutex) = false;
  std::list<Place> waiting GUARDED_BY(mutex);
};

LongLists::LongLists() : state_(std::make_shared<State>()) {}
LongLists::~LongLists() = default;

void LongLists::Pass() { state_->Pass(); }

Task<LongLists::Turn> LongLists::Take(std::chrono::steady_clock::time_point until, std::stop_token gone) {
  const auto place = std::make_shared<State::Waiter>();
  const auto give_up = [state = state_, place] { state->GiveUp(place); };
  Timer timer(co_await asio::this_coro::executor, until);
  std::optional<std::stop_callback<std::function<void()>>> on_gone;
  auto wait = [&](Resume<bool> resume) {
    place->resume = std::move(resume);
    state_->Wait(place);
    timer.async_wait([give_up](error_code ec) {
      if (!ec) give_up();
    });
    on_gone.emplace(gone, give_up);
  };
  const bool taken = co_await Suspend<bool>(wait);
  co_return taken ? Turn(this) : Turn();
}

}  // namespace portcall::registry
