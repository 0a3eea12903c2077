#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "broker/core/attempt_id.h"
#include "broker/core/decisions.h"
#include "sinks/outcome.h"

namespace portcall::broker {

// The attempts that are under way, and the outcomes of those that ended before their turn: where lanes are pipelined,
// events are settled in the lane's order, whichever ends first (docs/delivery.md §6). One thread.
class Flights {
 public:
  // `bytes`: of its event; `aside`: it goes to the place for what is given up.
  AttemptId Begin(std::size_t bytes, bool aside = false);
  void End(std::size_t bytes, bool aside = false);
  int under_way() const { return under_way_; }
  int asides() const { return aside_count_; }                // of these
  int sending() const { return under_way_ - aside_count_; }  // the others, to the destination itself
  std::size_t aside_bytes() const { return aside_bytes_; }
  std::size_t bytes() const { return bytes_; }  // of their events
  AttemptId next() const { return next_; }      // the id of the attempt that begins next

  // An attempt that has ended goes on under its id: its event is to be set aside before it is given up.
  void SetAside(Attempt attempt, std::size_t bytes);
  bool TakeAside(Attempt& attempt);  // the next one to do so
  // Whether one more of so many bytes has to wait, where `most` and `most_bytes` go there at a time. One always may.
  bool AsidesFull(std::size_t bytes, int most, std::size_t most_bytes) const {
    return aside_count_ >= most || (aside_count_ > 0 && aside_bytes_ + bytes > most_bytes);
  }

  // Ended, but neither settled nor judged yet. A delivery needs no outcome to be settled.
  void KeepDelivery() { ++early_; }
  void KeepFailure(AttemptId attempt, const sinks::Outcome& outcome);
  void TakeDelivery();
  sinks::Outcome TakeFailure(AttemptId attempt);
  int early() const { return early_; }

  // Beyond so many bytes nothing else is read for this endpoint; at first as many as it likes.
  void Limit(std::size_t bytes) { limit_ = bytes; }
  std::size_t limit() const { return limit_; }

 private:
  void Count(std::size_t bytes, bool aside);

  AttemptId next_ = 1;
  int under_way_ = 0, aside_count_ = 0, early_ = 0;
  std::size_t bytes_ = 0, aside_bytes_ = 0, limit_ = SIZE_MAX;
  std::unordered_map<AttemptId, sinks::Outcome> failures_;
  std::deque<Attempt> asides_;
};

}  // namespace portcall::broker
