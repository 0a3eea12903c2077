#pragma once

#include <cstdint>
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

}  // namespace portcall::store
