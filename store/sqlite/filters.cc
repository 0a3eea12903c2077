#include "store/filters.h"

#include "store/event_log.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kFilters("SELECT after_seq,fingerprint FROM filters WHERE cursor=? ORDER BY after_seq");
const Sql kLast("SELECT fingerprint FROM filters WHERE cursor=? ORDER BY after_seq DESC LIMIT 1");
const Sql kPut("INSERT OR REPLACE INTO filters (cursor,after_seq,fingerprint) VALUES (?,?,?)");
const Sql kForget(
    "DELETE FROM filters WHERE cursor=?1 AND after_seq<"
    "(SELECT max(after_seq) FROM filters WHERE cursor=?1 AND after_seq<?2)");

}  // namespace

void ChangeFilter(Tx& tx, std::int64_t cursor, Seq after, std::string_view fingerprint) {
  Connection& connection = tx.connection();
  {
    Query last(connection, kLast, cursor);
    if (last.Step() && last.Text(0) == fingerprint) return;
  }
  Query(connection, kPut, cursor, after, fingerprint).Run();
  Query(connection, kForget, cursor, Tail(ReadIn(tx))).Run();
}

std::vector<FilterChange> LoadFilters(Snapshot& s, std::int64_t cursor) {
  std::vector<FilterChange> changes;
  Query query(s.connection(), kFilters, cursor);
  while (query.Step()) changes.push_back({query.Int(0), query.String(1)});
  return changes;
}

}  // namespace portcall::store
