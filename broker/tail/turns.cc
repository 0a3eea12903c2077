#include "broker/tail/turns.h"

#include <utility>

namespace portcall::broker {

Task<bool> Turns::Enter(const bool& called_off) {
  if (called_off) co_return false;
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  const bool entered =
      co_await Suspend<bool>([&](Resume<bool> resume) { waiting_.push_back({std::move(resume), &called_off}); });
  if (!entered || !called_off) co_return entered;
  Leave();  // called off on the way in
  co_return false;
}

// Hands the place to the next in line, if there is one.
void Turns::Leave() {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  next.resume(true);
}

void Turns::LookAgain() {
  std::deque<Waiting> staying;
  for (Waiting& waiting : waiting_) {
    if (*waiting.called_off) {
      waiting.resume(false);
    } else {
      staying.push_back(std::move(waiting));
    }
  }
  waiting_ = std::move(staying);
}

}  // namespace portcall::broker
