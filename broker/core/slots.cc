#include "broker/core/slots.h"

#include <algorithm>

namespace portcall::broker {

std::int64_t Slots::Done(SlotId id) {
  slots_[static_cast<std::size_t>(id - base_)].state = State::kDone;
  ++done_;
  return DropFront();
}

std::int64_t Slots::Passed(SlotId id) {
  slots_[static_cast<std::size_t>(id - base_)].state = State::kPassed;
  return DropFront();
}

std::optional<SlotId> Slots::FindPassed(store::Seq seq) const {
  const auto at = std::ranges::lower_bound(slots_, seq, {}, &Slot::seq);
  if (at == slots_.end() || at->seq != seq || at->state != State::kPassed) return std::nullopt;
  return base_ + (at - slots_.begin());
}

std::int64_t Slots::DropFront() {
  std::int64_t settled = 0;
  while (!slots_.empty() && slots_.front().state != State::kOpen) {
    if (slots_.front().state == State::kDone) ++settled;
    slots_.pop_front();
    ++base_;
  }
  done_ -= settled;
  return settled;
}

}  // namespace portcall::broker
