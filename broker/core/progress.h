#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "broker/core/slots.h"
#include "store/cursors.h"

namespace portcall::broker {

// How far one endpoint has come in the log, how much of what it wants is settled, and what it holds of it in memory.
//
//   settled_through() <= scan(): between them lie the slots, those of unsettled events and of what they hold back.
//   An event in memory either has a slot, or lies behind the cursor and is held for its lane alone.
//   Events through unneeded() are needed by nobody, as the cursor and its rows are stored.
//
// One thread. A call out of turn is a bug and fails an assertion.
class Progress {
 public:
  explicit Progress(const store::Cursor& cursor) { Load(cursor); }
  // Begins anew where the cursor stands: nothing is held.
  void Load(const store::Cursor& cursor);

  // The log.
  store::Seq scan() const { return scan_; }
  void ScanThrough(store::Seq seq) { scan_ = std::max(scan_, seq); }
  void Grown(store::Seq head) { head_ = std::max(head_, head); }
  bool at_head() const { return scan_ >= head_; }

  // The counters. `matched` counts each wanted event once, wherever the cursor stands.
  void Counted(std::int64_t matched, store::Seq through);
  void Recounted(std::int64_t pending, store::Seq through);
  store::Seq counted() const { return counted_; }
  std::int64_t matched() const { return matched_; }
  std::int64_t settled() const { return settled_ + slots_.done_beyond(); }
  std::int64_t pending() const { return matched_ - settled(); }
  std::int64_t pending_on_disk() const { return matched_ - settled_on_disk_; }  // what was settled since is on no disk

  // An event after scan() enters the window: held by its lane, known to be settled, or left to its parked lane.
  SlotId Hold(store::Seq seq, std::size_t bytes, LaneId lane);
  void SettledBefore(store::Seq seq, LaneId lane);
  void LeaveToLane(store::Seq seq, LaneId lane);
  // An event behind the cursor was read for its lane.
  void HoldBehind(std::size_t bytes);
  // The cursor passes an event that stays in memory, from now on held for its lane alone.
  void Pass(SlotId slot);
  // An event leaves memory: settled, or to be read again, which only one behind the cursor can be.
  void Settle(store::Seq seq, std::size_t bytes, SlotId slot);
  void Forget(std::size_t bytes);

  store::Seq settled_through() const { return slots_.empty() ? scan_ : slots_.front().seq - 1; }
  std::size_t slots() const { return slots_.size(); }
  std::size_t behind() const { return behind_; }  // events in memory that have no slot
  std::size_t bytes() const { return bytes_; }
  std::int64_t held_back() const { return slots_.done_beyond(); }  // settled events behind the window's first
  Slots::Slot& first() { return slots_.front(); }                  // of the window, which must not be empty
  const Slots::Slot& first() const { return slots_.front(); }

  // What a flush writes: the cursor as it stands now. Once it is on disk, events through `unneeded` are needed no more.
  void Store(store::Settlement& settlement, store::Seq unneeded);
  void Flushed();
  void SetUnneeded(store::Seq through);  // of what was loaded
  store::Seq unneeded() const { return unneeded_; }

 private:
  void Check() const;

  Slots slots_;
  store::Seq scan_ = 0, head_ = 0, counted_ = 0;
  store::Seq unneeded_ = 0, unneeded_when_flushed_ = 0;
  std::int64_t matched_ = 0;
  std::int64_t settled_ = 0;  // without those that the window's first event holds back
  std::int64_t settled_on_disk_ = 0, settled_when_flushed_ = 0;
  std::size_t behind_ = 0, bytes_ = 0;
};

}  // namespace portcall::broker
