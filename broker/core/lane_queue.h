#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/core/attempt_id.h"
#include "broker/core/moment.h"
#include "broker/core/slots.h"
#include "store/event.h"

namespace portcall::broker {

// The events of one lane that are in memory, in the log's order. One thread.
class LaneQueue {
 public:
  // Undeliverable: failed, and is not sent again.
  enum class Ended : std::uint8_t { kNo, kDelivered, kFailed, kUndeliverable, kLetGo };
  struct Entry {
    store::EventPtr event;
    std::size_t bytes = 0;     // what it counts for while it is held
    SlotId slot = kNoSlot;     // none: behind the cursor, held for this lane alone
    AttemptId attempt = 0;     // of those in flight; grows along the queue
    Ticks claimed_at = 0;      // of those in flight
    Ticks claimed_active = 0;  // the same on the endpoint's active time
    Ended ended = Ended::kNo;  // before the events in front of it did
  };

  bool empty() const { return head_ == entries_.size(); }
  std::size_t size() const { return entries_.size() - head_; }
  Entry& front() { return entries_[head_]; }
  const Entry& front() const { return entries_[head_]; }
  Entry& back() { return entries_.back(); }
  Entry& at(std::size_t i) { return entries_[head_ + i]; }
  const Entry& at(std::size_t i) const { return entries_[head_ + i]; }
  void Push(Entry entry) { entries_.push_back(std::move(entry)); }
  Entry Pop();
  void Truncate(std::size_t size) {
    entries_.resize(head_ + size);
    if (entries_.capacity() > kKept + 4 * entries_.size()) entries_.shrink_to_fit();
  }
  bool AnyEnded(Ended how, std::size_t sent) const;  // of the first `sent`
  // The entry of this attempt among the first `sent`; nullptr: none of them is.
  Entry* Find(AttemptId attempt, std::size_t sent) {
    return sent > 0 && front().attempt == attempt ? &front() : FindBehind(attempt, sent);
  }

 private:
  static constexpr std::size_t kKept =
      16;  // entries whose memory stays when it runs empty: there are thousands of lanes
  Entry* FindBehind(AttemptId attempt, std::size_t sent);
  std::vector<Entry> entries_;
  std::size_t head_ = 0;
};

}  // namespace portcall::broker
