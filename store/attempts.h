#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/capability.h"
#include "store/event.h"

namespace portcall::store {

// The result of one attempt, or of many that succeeded.
struct AttemptRow {
  Seq seq = 0;               // of a batch: the first
  std::int64_t at = 0;       // ns
  std::int32_t events = 1;   // settled by this attempt (a row of successes may stand for many)
  std::int32_t attempt = 1;  // which one of this event
  bool delivered = false;
  std::int32_t status = 0;  // HTTP; 0: none
  std::int64_t latency_us = 0;
  std::string error;  // empty when delivered
};

// The attempts recorded under exactly this seq, oldest first.
std::vector<AttemptRow> ListAttempts(Snapshot& s, std::int64_t cursor, Seq seq, std::size_t limit);
std::int64_t BytesOfAttempts(Snapshot& s);  // all of them, a sum kept with each change
// Keeps the newest `rows` of those made after `before`, and of these at most `bytes`; deletes at most `limit` of the
// others and returns how many.
std::size_t TrimAttempts(Tx& tx, std::int64_t before, std::int64_t rows, std::int64_t bytes, std::size_t limit);

}  // namespace portcall::store
