#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "broker/core/lane_id.h"
#include "broker/core/moment.h"
#include "store/event.h"

namespace portcall::broker {

using SlotId = std::int64_t;  // -1: none
inline constexpr SlotId kNoSlot = -1;

// The look-ahead window over the log: one slot for each event that was read and holds the cursor until it is settled or
// passed. Slots leave in order of seq, so the cursor stands right before the first one.
class Slots {
 public:
  enum class State : std::uint8_t {
    kOpen,    // waits or is in flight: holds the cursor
    kDone,    // delivered or dead: counts as settled when it leaves
    kPassed,  // its lane is parked and remembers it
  };
  struct Slot {
    store::Seq seq = 0;
    LaneId lane;
    State state = State::kOpen;
    Ticks front_since = kNever;  // when it began to hold the cursor
  };

  SlotId Push(store::Seq seq, LaneId lane) {
    slots_.push_back({seq, lane, State::kOpen, kNever});
    return base_ + static_cast<SlotId>(slots_.size()) - 1;
  }
  // Marks the slot and drops what is done at the front; returns how many events became settled by that.
  std::int64_t Done(SlotId id);
  std::int64_t Passed(SlotId id);
  // The passed slot of this event, if it has not left yet.
  std::optional<SlotId> FindPassed(store::Seq seq) const;

  bool empty() const { return slots_.empty(); }
  std::size_t size() const { return slots_.size(); }
  Slot& front() { return slots_.front(); }
  const Slot& front() const { return slots_.front(); }
  std::int64_t done_beyond() const { return done_; }  // done slots that an open one holds back

 private:
  std::int64_t DropFront();
  std::deque<Slot> slots_;
  SlotId base_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace portcall::broker
