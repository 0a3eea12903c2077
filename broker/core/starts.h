#pragma once

#include <deque>
#include <vector>

#include "broker/core/decisions.h"

namespace portcall::broker {

// Attempts whose repetition would do harm: each is announced by a `started` row, and leaves once that is on disk.
//
//   announced ──FlushBegun──► being flushed ──Flushed──► durable ──Next──► leaves
//       └────────────── TakeBack ──────────────────────────┘
//
// What is being flushed cannot be taken back before Flushed. Each line is in the order of the claims. One thread.
class Starts {
 public:
  void Announce(Attempt attempt);
  void FlushBegun();  // the rows of all that are announced are on their way to the disk
  void Flushed();
  bool any_durable() const { return !durable_.empty(); }
  bool Next(Attempt& attempt);  // the first durable one
  // Attempts that must not leave any more, as at a stop: their rows would tell the next run that they may have left.
  std::vector<Attempt> TakeBack();

 private:
  std::deque<Attempt> announced_, flushing_, durable_;
};

}  // namespace portcall::broker
