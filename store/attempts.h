#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"
#include "store/capability.h"
#include "store/event.h"

namespace portcall::store {

// One of the events that a row for many stands for.
struct SettledEvent {
  Seq seq = 0;
  std::int64_t at = 0;  // ns; of all but the first row's event to the millisecond
  std::int64_t latency_us = 0;
};
// A row stands for events of one block of the log, so that those which may hold an event are few.
inline constexpr int kBlockBits = 13;  // of seq, as in the indexes of the log
constexpr Seq BlockOf(Seq seq) { return seq >> kBlockBits; }

// The result of one attempt, or the same result of many events: all delivered at the first attempt with one status, or
// all superseded by one event.
struct AttemptRow {
  Seq seq = 0;               // of a batch: the first
  std::int64_t at = 0;       // ns
  std::int32_t events = 1;   // settled by this attempt (a row of successes may stand for many)
  std::int32_t attempt = 1;  // which one of this event
  bool delivered = false;
  std::int32_t status = 0;  // HTTP; 0: none
  std::int64_t latency_us = 0;
  std::string error;  // empty when delivered
  // Of a row for many: each of them, by seq, the first being `seq`. As it is read, a row is of one event.
  std::vector<SettledEvent> each = {};

  // By the event that `error` ends with: nothing was sent.
  bool superseded() const { return attempt == 0; }
  // By itself: its dead letter was ended, and it stands in the log again under the seq that `error` ends with.
  bool sent_again() const { return superseded() && error.starts_with(kSentAgain); }
  static constexpr std::string_view kSentAgain = "sent again as ";
};

// What is recorded of the event, the newest `limit` rows, oldest first. Rows of a version before 13 that stand for many
// tell of their first event alone. kInternal: a row is damaged.
Result<std::vector<AttemptRow>> ListAttempts(Snapshot& s, std::int64_t cursor, Seq seq, std::size_t limit);
// When the oldest attempt that is still recorded was made, ns; 0: none is.
std::int64_t OldestAttempt(Snapshot& s);
std::int64_t BytesOfAttempts(Snapshot& s);  // all of them, a sum kept with each change
// Keeps the newest `rows` of those made after `before`, and of these at most `bytes`; deletes at most `limit` of the
// others and returns how many.
std::size_t TrimAttempts(Tx& tx, std::int64_t before, std::int64_t rows, std::int64_t bytes, std::size_t limit);

}  // namespace portcall::store
