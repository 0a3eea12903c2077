#include "broker/core/progress.h"

#include <cassert>

namespace portcall::broker {

void Progress::Load(const store::Cursor& cursor) {
  slots_ = {};
  scan_ = cursor.settled_through;
  counted_ = cursor.through;  // a stop may have come while the count was still behind the cursor
  matched_ = cursor.matched;
  settled_ = settled_on_disk_ = cursor.settled;
  behind_ = bytes_ = 0;
}

void Progress::Counted(std::int64_t matched, store::Seq through) {
  assert(through >= counted_ && matched >= 0);
  matched_ += matched;
  counted_ = through;
}

void Progress::Recounted(std::int64_t pending, store::Seq through) {
  matched_ = settled() + pending;
  counted_ = through;
}

SlotId Progress::Hold(store::Seq seq, std::size_t bytes, LaneId lane) {
  assert(seq > scan_);
  bytes_ += bytes;
  return slots_.Push(seq, lane);
}

void Progress::SettledBefore(store::Seq seq, LaneId lane) {
  assert(seq > scan_);
  settled_ += slots_.Done(slots_.Push(seq, lane));
}

void Progress::LeaveToLane(store::Seq seq, LaneId lane) {
  assert(seq > scan_);
  if (!slots_.empty()) settled_ += slots_.Passed(slots_.Push(seq, lane));
}

void Progress::HoldBehind(std::size_t bytes) {
  bytes_ += bytes;
  ++behind_;
}

void Progress::Pass(SlotId slot) {
  ++behind_;
  settled_ += slots_.Passed(slot);
}

void Progress::Settle(store::Seq seq, std::size_t bytes, SlotId slot) {
  assert(bytes <= bytes_);
  bytes_ -= bytes;
  if (slot != kNoSlot) {
    settled_ += slots_.Done(slot);
  } else {
    assert(behind_ > 0);
    --behind_;
    if (const auto passed = slots_.FindPassed(seq)) {
      settled_ += slots_.Done(*passed);
    } else {
      ++settled_;
    }
  }
  Check();
}

void Progress::Forget(std::size_t bytes) {
  assert(behind_ > 0 && bytes <= bytes_);
  bytes_ -= bytes;
  --behind_;
  Check();
}

void Progress::Store(store::Settlement& settlement, store::Seq unneeded) {
  settlement.settled_through = settled_through();
  settlement.through = counted_;
  settlement.matched = matched_;
  settlement.settled = settled_;
  unneeded_when_flushed_ = unneeded;
  settled_when_flushed_ = settled();
}

void Progress::Flushed() {
  SetUnneeded(unneeded_when_flushed_);
  settled_on_disk_ = settled_when_flushed_;
}

void Progress::SetUnneeded(store::Seq through) {
  assert(through <= settled_through());
  unneeded_ = through;
}

void Progress::Check() const {
  assert(settled_through() <= scan_);
  assert(slots_.empty() || slots_.front().state == Slots::State::kOpen);
  assert(held_back() == 0 || !slots_.empty());
  assert(bytes_ == 0 || behind_ > 0 || !slots_.empty());
}

}  // namespace portcall::broker
