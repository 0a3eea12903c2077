#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/capability.h"
#include "store/event.h"

namespace portcall::store {

// The event log (docs/delivery.md §1).

// Appends the event and gives it seq and recorded_at; makes an id where it has none. Part of the caller's transaction.
Seq Append(Tx& tx, Event event);
// The last seq ever given, 0 for none.
Seq Head(Snapshot& s);
Seq Head(Tx& tx);
// The lowest seq still kept; Head+1 when nothing is kept.
Seq Tail(Snapshot& s);

// Up to `limit` events with seq > after and seq <= through, in order.
std::vector<EventPtr> ReadEvents(Snapshot& s, Seq after, Seq through, std::size_t limit);
// The same of one lane, by index.
std::vector<EventPtr> ReadLane(Snapshot& s, std::string_view source, std::string_view repository, Seq after,
                               Seq through, std::size_t limit);
EventPtr FindEvent(Snapshot& s, Seq seq);
EventPtr FindEvent(Snapshot& s, std::string_view id);
// The first seq recorded at or after the time, Head+1 when none is.
Seq FirstSince(Snapshot& s, std::int64_t unix_nanos);

// The events after `after`, up to `through`.
struct SeqRange {
  Seq after = 0, through = 0;
};

struct LogSize {
  std::int64_t events = 0;
  std::int64_t bytes = 0;  // of rows, about
  Seq first = 0;           // the lowest that is kept, 0: none
};
// Assumes that events were deleted only from the front, and none in the ranges `kept`, which are sorted and disjoint.
LogSize SizeOf(Snapshot& s, std::span<const SeqRange> kept = {});
// Deletes events with seq <= through and recorded_at < before, at most `limit`, none in `kept`; how many went.
std::size_t DeleteEvents(Tx& tx, Seq through, std::int64_t recorded_before, std::size_t limit,
                         std::span<const SeqRange> kept = {});
// At time `at` every cursor had passed `passed_through`: retention counts from then. A newer mark must not be smaller.
void PutMark(Tx& tx, std::int64_t at, Seq passed_through);
// The newest mark at or before the time, 0: none. Marks older than that one are forgotten.
Seq TakeMark(Tx& tx, std::int64_t at);

}  // namespace portcall::store
