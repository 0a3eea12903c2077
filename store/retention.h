#pragma once

#include <cstddef>
#include <cstdint>

#include "store/capability.h"
#include "store/event_log.h"

namespace portcall::store {

// What the log may forget (docs/delivery.md §1). It follows from what is stored and from nothing else: live cursors
// need everything that they have not settled, whoever runs them, if anybody; removed and replaying ones what is
// unsettled of their own range; each from the first event of its parked lanes on.

struct Retain {
  std::int64_t now = 0;   // wall clock, ns
  std::int64_t keep = 0;  // ns for which an event stays after the last live cursor passed it; 0: it goes at once
};
struct Forgotten {
  std::size_t events = 0;
  std::int64_t bytes = 0;  // about
  bool more = false;       // the limit was reached: there may be more
};
// Deletes events that nobody needs, the oldest first, as many as the limit lets. Where `keep` is not 0, also remembers
// what has been passed by now, at most once in the lesser of a minute and a tenth of `keep`: events stay longer by that
// much. The cost does not depend on how long the log is.
Forgotten DeleteUnneeded(Tx& tx, const Retain& retain, Limit limit);

struct LogSize {
  std::int64_t events = 0;
  std::int64_t bytes = 0;  // of their rows: a true sum, but of those that a program without sums appended an estimate
  std::int64_t held_bytes = 0;  // of them, what live cursors need
  Seq first = 0;                // the lowest that is kept, 0: none
  Seq passed = 0;               // the last event that no live cursor needs; Head where there is no live cursor
};
// Counts as if whatever is missing between what is needed had been deleted from the front.
LogSize SizeOf(Snapshot& s);
// The event with which the oldest of those that SizeOf counts reach `bytes` together; Head if all of them do not.
Seq ReachOldest(Snapshot& s, std::int64_t bytes);

}  // namespace portcall::store
