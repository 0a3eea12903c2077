#pragma once

#include <deque>
#include <vector>

#include "broker/core/decisions.h"

namespace portcall::broker {

// Attempts whose repetition would do harm: each is announced by a `started` row, and leaves once that is on disk.
//
//   announced ──FlushBegun──► being flushed ──Flushed──► durable ──Next──► leaves
//       └───────── Withdraw ────────┼─────────────────────────┘
//                                   └► withdrawn ──TakeBack──► never left
//
// What is being flushed when it is withdrawn can be taken back only after Flushed. Each line is in the order of the
// claims. One thread.
class Starts {
 public:
  void Announce(Attempt attempt);
  void FlushBegun();  // the rows of all that are announced are on their way to the disk
  void Flushed();
  bool Next(Attempt& attempt);  // the first durable one
  // None of those that are here may leave any more: nothing may be sent now. Their rows must go, because they would
  // tell the next run that the attempts may have left.
  void Withdraw();
  bool any_withdrawn() const { return !withdrawn_.empty(); }
  std::vector<Attempt> TakeBack();  // the withdrawn ones

 private:
  std::deque<Attempt> announced_, flushing_, durable_;
  std::vector<Attempt> withdrawn_;
  bool flushing_is_withdrawn_ = false;
};

}  // namespace portcall::broker
