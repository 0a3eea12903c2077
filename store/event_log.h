#pragma once

#include <cstdint>
#include <functional>
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

// How much is read at a time: up to so many events, and no more once those read have so many bytes.
struct Limit {
  std::size_t events = 0;
  std::size_t bytes = SIZE_MAX;
};
// Events in order, and nothing but these lies between where it was read from and `through`.
struct Portion {
  std::vector<EventPtr> events;
  Seq through = 0;
};
// Events with seq > after and seq <= through: all of them, or as many as the limit lets.
Portion ReadEvents(Snapshot& s, Seq after, Seq through, Limit limit);
// The same of a lane (store/lane.h), by index. It looks at a bounded part of the log, and of those without a tag at a
// bounded number of their repository's events, so that it may come less far; of a strict lane, which has no events of
// its own, it finds none.
Portion ReadLane(Snapshot& s, std::string_view lane, Seq after, Seq through, Limit limit);
// The newest events first, without their bodies.
struct Backwards {
  Seq before = 0, after = 0;                      // both exclusive
  std::string repository = {}, tag = {};          // read by index where they are named; no tag without a repository
  std::function<bool(const Event&)> wanted = {};  // of those
  std::function<bool()> goes_on = {};             // asked every few events that are looked at, and every few blocks
  std::size_t limit = 0;
};
// `through` of what is returned is the lowest seq that was looked at: nothing lies between but these.
Portion ReadBackwards(Snapshot& s, const Backwards& what);
EventPtr FindEvent(Snapshot& s, Seq seq);
// By its id, which tells when it was made, where it was recorded within seconds of that. Others are found by
// ReadBackwards alone.
EventPtr FindEvent(Snapshot& s, std::string_view id);
// The first seq recorded at or after the time, Head+1 when none is.
Seq FirstSince(Snapshot& s, std::int64_t unix_nanos);

}  // namespace portcall::store
