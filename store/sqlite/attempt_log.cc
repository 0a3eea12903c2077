#include "store/attempt_log.h"

#include <utility>

#include "store/sqlite/attempt_row.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kNewestFirst(
    "SELECT id,cursor,seq,at,events,attempt,delivered,status,latency_us,error FROM attempts WHERE id<?"
    " ORDER BY id DESC");

RecordedRow ReadRow(const Query& query) { return {query.Int(0), query.Int(1), ReadAttempt(query, 2)}; }

}  // namespace

AttemptsPage ReadAttempts(Snapshot& s, const AttemptsBackwards& what) {
  constexpr std::size_t kBetweenAsking = 32;
  AttemptsPage page;
  Query query(s.connection(), kNewestFirst, what.before);
  for (std::size_t looked = 1; query.Step(); ++looked) {
    RecordedRow row = ReadRow(query);
    page.looked_to = row.id;
    if (!what.wanted || what.wanted(row)) page.rows.push_back(std::move(row));
    if (page.rows.size() >= what.limit) {
      if (!query.Step()) page.looked_to = 0;
      return page;
    }
    if (looked % kBetweenAsking == 0 && what.goes_on && !what.goes_on()) return page;
  }
  page.looked_to = 0;
  return page;
}

}  // namespace portcall::store
