#pragma once

#include <cstdint>

#include "store/event.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

// How much of the file events take, without looking at each: the table log_sums has a row for every 64th event, and
// before and after each large one, with the sum of all that were appended up to there. So the size of any part of the
// log in which no event is missing is a difference and a few rows, and deletion changes nothing.

// Of one event: its texts, its entries in the lanes' indexes, and its part of pages that are not full.
std::int64_t RowBytes(const Event& event);

// To go on from at a start: the sum through the last event.
std::int64_t SumAtHead(Connection& connection);
// After the event was appended; `sum` includes it.
void KeepSum(Connection& connection, const Event& event, std::int64_t sum);
// Forgets those between the two: all events after `after`, up to `through`, are gone.
void ForgetSums(Connection& connection, Seq after, Seq through);

// What the events take after `after`, up to `through`; none of them is missing. Exact, but for those that an older
// program appended: their part is estimated by a sample.
std::int64_t BytesBetween(Connection& connection, Seq after, Seq through);
// The event with which those after `after` reach `bytes`; `through` if they do not.
Seq ReachBytes(Connection& connection, Seq after, Seq through, std::int64_t bytes);

}  // namespace portcall::store
