#include "store/cursor_peek.h"

#include <string>

#include "store/sqlite/connection.h"
#include "store/sqlite/statement.h"

namespace portcall::store {

namespace {

const Sql kLive(
    "SELECT id,endpoint,kind,from_seq,through,settled_through,matched,settled,selection,fingerprint FROM cursors"
    " WHERE kind=0 AND (endpoint=?1 OR ?1='')");
const Sql kHasReceipts("SELECT count(*) FROM pragma_table_info('cursors') WHERE name='receipt'");
const Sql kReceipt("SELECT receipt FROM cursors WHERE id=?");
const Sql kDeadEvents("SELECT coalesce(sum(events),0) FROM dead WHERE cursor=?");

}  // namespace

Result<PeekedCursor> PeekCursor(const std::filesystem::path& database, std::string_view endpoint) {
  try {
    Connection connection(database, Connection::Mode::kReader);
    connection.Exec("BEGIN");
    Query live(connection, kLive, endpoint);
    const std::string wanted = endpoint.empty() ? "live endpoint" : "endpoint '" + std::string(endpoint) + "'";
    if (!live.Step()) return Error(Errc::kNotFound, database.string() + ": there is no " + wanted);
    PeekedCursor peeked;
    peeked.cursor = {.id = live.Int(0),
                     .endpoint = live.String(1),
                     .from = live.Int(3),
                     .through = live.Int(4),
                     .settled_through = live.Int(5),
                     .matched = live.Int(6),
                     .settled = live.Int(7),
                     .selection = live.String(8),
                     .fingerprint = live.String(9),
                     .receipt = {},
                     .settlements = 0,
                     .pace = {}};
    if (live.Step()) return Error(Errc::kNotFound, database.string() + " knows several endpoints: name one");
    Query dead(connection, kDeadEvents, peeked.cursor.id);
    if (dead.Step()) peeked.dead = dead.Int(0);
    // The file may be an older version's, which nobody has opened since.
    Query has_receipts(connection, kHasReceipts);
    if (!has_receipts.Step() || has_receipts.Int(0) == 0) return peeked;
    Query receipt(connection, kReceipt, peeked.cursor.id);
    if (receipt.Step()) peeked.cursor.receipt = receipt.Text(0);
    return peeked;
  } catch (const DatabaseError& error) {
    return Error(Errc::kUnavailable, database.string() + ": " + error.what());
  }
}

}  // namespace portcall::store
