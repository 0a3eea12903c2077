#pragma once

#include <unordered_map>

#include "broker/core/attempt_id.h"
#include "sinks/outcome.h"

namespace portcall::broker {

// The attempts that are under way, and the outcomes of those that ended before their turn: where lanes are pipelined,
// events are settled in the lane's order, whichever ends first (docs/delivery.md §6). One thread.
class Flights {
 public:
  AttemptId Begin();
  void End();
  int under_way() const { return under_way_; }
  AttemptId next() const { return next_; }  // the id of the attempt that begins next

  // Ended, but neither settled nor judged yet. A delivery needs no outcome to be settled.
  void KeepDelivery() { ++early_; }
  void KeepFailure(AttemptId attempt, const sinks::Outcome& outcome);
  void TakeDelivery();
  sinks::Outcome TakeFailure(AttemptId attempt);
  int early() const { return early_; }

 private:
  AttemptId next_ = 1;
  int under_way_ = 0, early_ = 0;
  std::unordered_map<AttemptId, sinks::Outcome> failures_;
};

}  // namespace portcall::broker
