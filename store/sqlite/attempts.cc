#include "store/attempts.h"

#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kAttempts(
    "SELECT seq,at,events,attempt,delivered,status,latency_us,error FROM attempts WHERE cursor=? AND seq=?"
    " ORDER BY id LIMIT ?");
const Sql kAttemptIds("SELECT (SELECT min(id) FROM attempts),(SELECT max(id) FROM attempts)");
// Looks at no more than the oldest `limit`: the rest is younger.
const Sql kTrimAttempts(
    "DELETE FROM attempts WHERE id IN (SELECT id FROM (SELECT id,at FROM attempts ORDER BY id LIMIT ?)"
    " WHERE id<? OR at<?)");

}  // namespace

std::vector<AttemptRow> ListAttempts(Snapshot& s, std::int64_t cursor, Seq seq, std::size_t limit) {
  std::vector<AttemptRow> rows;
  Query query(s.connection(), kAttempts, cursor, seq, limit);
  while (query.Step()) {
    AttemptRow& row = rows.emplace_back();
    row.seq = query.Int(0);
    row.at = query.Int(1);
    row.events = static_cast<std::int32_t>(query.Int(2));
    row.attempt = static_cast<std::int32_t>(query.Int(3));
    row.delivered = query.Int(4) != 0;
    row.status = static_cast<std::int32_t>(query.Int(5));
    row.latency_us = query.Int(6);
    row.error = query.Text(7);
  }
  return rows;
}

// Attempts get ascending ids and go from the lowest, so that counting them needs no scan.
std::size_t TrimAttempts(Tx& tx, std::int64_t before, std::int64_t rows, std::size_t limit) {
  Connection& connection = tx.connection();
  std::int64_t first_kept = 0;
  {
    Query ids(connection, kAttemptIds);
    ids.Step();
    if (ids.Int(1) == 0) return 0;
    first_kept = ids.Int(1) - rows + 1;
  }
  Query(connection, kTrimAttempts, limit, first_kept, before).Run();
  return static_cast<std::size_t>(connection.changes());
}

}  // namespace portcall::store
