#include "app/admin/attempt_calls.h"

#include <limits>
#include <map>
#include <string>

#include "app/admin/event_shapes.h"
#include "store/attempt_log.h"
#include "store/cursors.h"

namespace portcall::app {
namespace {

// Whose the cursors are, also of those that are gone.
std::map<std::int64_t, std::string> NamesOf(store::Snapshot& s) {
  std::map<std::int64_t, std::string> names;
  for (const store::DroppedCursor& dropped : store::LoadDropped(s)) names[dropped.id] = dropped.endpoint;
  for (const store::Cursor& cursor : store::LoadCursors(s)) names[cursor.id] = cursor.endpoint;
  return names;
}

}  // namespace

AdminAnswer ListAttempts(const Call& call) {
  constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();
  const auto before = call.Number("before", kNewest, 1), limit = call.Number("limit", kUsualPage, 1);
  if (!before) return Problem(400, "before is no number of an attempt");
  if (!limit || *limit > kLargestPage) return Problem(400, "limit is no number from 1 to 1000");
  const auto endpoint = call.Find("endpoint"), failed = call.Find("failed");
  if (endpoint && endpoint->empty()) return Problem(400, "endpoint is empty");
  if (failed && *failed != "true" && *failed != "false") return Problem(400, "failed is neither true nor false");
  std::map<std::int64_t, std::string> names;
  store::AttemptsBackwards what;
  what.before = *before;
  what.limit = static_cast<std::size_t>(*limit);
  what.wanted = [&](const store::RecordedRow& row) {
    const auto name = names.find(row.cursor);
    if (endpoint && (name == names.end() || name->second != *endpoint)) return false;
    return !failed || *failed == "false" || (!row.row.delivered && !row.row.superseded());
  };
  const auto page = call.sources.store.ReadNow([&](store::Snapshot& s) -> Result<store::AttemptsPage> {
    names = NamesOf(s);
    what.goes_on = ForSoLong(kLook);
    return store::ReadAttempts(s, what);
  });
  return page ? Json(AttemptsJson(*page, names)) : Problem(page.error());
}

}  // namespace portcall::app
