#pragma once

#include <algorithm>
#include <cstddef>

#include "broker/core/breaker.h"
#include "broker/core/lane_id.h"

namespace portcall::broker {

// Whom a probe is given to goes round, so that each kind finds out whether the endpoint takes it: lanes that always
// fail must not hold it shut for those that come, those that come not for those that wait.
enum class ProbeTurn { kNew, kWaiting, kReady };
inline ProbeTurn TurnOf(const Breaker& breaker) { return static_cast<ProbeTurn>(breaker.turn() % 3); }

// Which lane the next probe of a closed endpoint is given to (docs/delivery.md §4), and what the last ones have told of
// those that are left. One thread.
class Probes {
 public:
  void Begin() { *this = {}; }  // the endpoint has just been closed

  // The lane that is next stands first in the ready line.
  bool chosen() const { return chosen_; }
  void Choose() { chosen_ = true; }
  void Taken() { chosen_ = false; }
  // The lane that was taken for it from those that wait.
  void Promote(LaneId lane) { promoted_ = lane; }
  LaneId promoted() const { return promoted_; }

  // Whether a lane that the log has brought is left for later turns. With each turn that finds one in the log four
  // times as many are, so that what is newest is soon tried, however many that fail lie before it.
  bool PassesOver() {
    if (to_pass_ == 0) return false;
    --to_pass_;
    return true;
  }
  // A probe goes out whose turn was that of new lanes; `others`: such are ready to be sent besides.
  void SentOfNew(LaneId lane, bool untried, bool others) {
    all_tried_ = !untried && !others;
    const bool of_log = untried && lane != promoted_;
    passed_ = of_log ? std::min(4 * passed_ + 1, kMostPassed) : 0;
    to_pass_ = passed_;
  }
  bool all_tried() const { return all_tried_; }  // none was left then

 private:
  static constexpr std::size_t kMostPassed = 1 << 20;
  bool chosen_ = false, all_tried_ = false;
  LaneId promoted_;
  std::size_t passed_ = 0, to_pass_ = 0;
};

}  // namespace portcall::broker
