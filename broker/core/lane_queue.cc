#include "broker/core/lane_queue.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {

LaneQueue::Entry LaneQueue::Pop() {
  Entry entry = std::move(entries_[head_++]);
  if (head_ == entries_.size()) {
    entries_.clear();
    head_ = 0;
    if (entries_.capacity() > kKept) entries_.shrink_to_fit();
  } else if (head_ >= 64 && head_ * 2 >= entries_.size()) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return entry;
}

bool LaneQueue::AnyEnded(Ended how, std::size_t sent) const {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(head_);
  return std::any_of(first, first + static_cast<std::ptrdiff_t>(sent),
                     [how](const Entry& entry) { return entry.ended == how; });
}

LaneQueue::Entry* LaneQueue::FindBehind(AttemptId attempt, std::size_t sent) {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto end = first + static_cast<std::ptrdiff_t>(sent);
  const auto at =
      std::lower_bound(first, end, attempt, [](const Entry& entry, AttemptId id) { return entry.attempt < id; });
  return at != end && at->attempt == attempt ? &*at : nullptr;
}

}  // namespace portcall::broker
