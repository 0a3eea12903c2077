#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/capability.h"
#include "store/event.h"

namespace portcall::store {

// Which filters a cursor's events were judged with, so that it can be told later why one was not sent.
struct FilterChange {
  Seq after = 0;            // it holds for later events, up to the next change's `after`
  std::string fingerprint;  // of the filter; only the broker can read it
};

// From now on the events after `after` are judged with this one. Writes nothing where it is the last one's; forgets
// those of whose events none is in the log.
void ChangeFilter(Tx& tx, std::int64_t cursor, Seq after, std::string_view fingerprint);
std::vector<FilterChange> LoadFilters(Snapshot& s, std::int64_t cursor);  // in order

}  // namespace portcall::store
