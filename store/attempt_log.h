#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "store/attempts.h"
#include "store/capability.h"

namespace portcall::store {

// The attempts of all endpoints, as they were recorded.

// A row as it is, which may stand for many events.
struct RecordedRow {
  std::int64_t id = 0, cursor = 0;
  AttemptRow row;  // without `each`
};
// The newest first.
struct AttemptsBackwards {
  std::int64_t before = 0;                              // exclusive: an id
  std::function<bool(const RecordedRow&)> wanted = {};  // of those
  std::function<bool()> goes_on = {};                   // asked every few rows
  std::size_t limit = 0;
};
struct AttemptsPage {
  std::vector<RecordedRow> rows;
  std::int64_t looked_to = 0;  // the lowest id that was looked at; 0: there are no more
};
AttemptsPage ReadAttempts(Snapshot& s, const AttemptsBackwards& what);

}  // namespace portcall::store
