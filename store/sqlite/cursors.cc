#include "store/cursors.h"

#include <stdexcept>

#include "store/sqlite/bury.h"
#include "store/sqlite/record.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

const Sql kMove(
    "UPDATE cursors SET settled_through=?,through=?,matched=?,settled=?,receipt=coalesce(nullif(?,''),receipt),"
    "fingerprint=coalesce(nullif(?,''),fingerprint),settlements=settlements+1,pace=?"
    " WHERE id=? AND holder=? AND settlements=?");
const Sql kMadeAlready("SELECT 1 FROM cursors WHERE id=? AND holder=? AND settlements=?");
const Sql kPark(
    "INSERT OR REPLACE INTO parked (cursor,lane,next_seq,attempts,probes,due,age,reason,recorded_at,started,refused,"
    "streak) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
const Sql kUnpark("DELETE FROM parked WHERE cursor=? AND lane=?");
const Sql kCursors(
    "SELECT id,endpoint,kind,from_seq,through,settled_through,matched,settled,selection,fingerprint,receipt,"
    "settlements,pace FROM cursors ORDER BY id");
const Sql kParked(
    "SELECT lane,next_seq,attempts,probes,due,age,reason,recorded_at,started,refused,streak FROM parked WHERE cursor=?"
    " ORDER BY next_seq,lane");
const Sql kOneParked(
    "SELECT lane,next_seq,attempts,probes,due,age,reason,recorded_at,started,refused,streak FROM parked WHERE cursor=?"
    " AND lane=?");
const Sql kAddCursor(
    "INSERT INTO cursors (endpoint,kind,from_seq,through,settled_through,matched,settled,selection,fingerprint,receipt,"
    "pace,holder) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
const Sql kChangeCursor(
    "UPDATE cursors SET endpoint=?,kind=?,from_seq=?,through=?,settled_through=?,matched=?,settled=?,selection=?,"
    "fingerprint=?,receipt=?,pace=? WHERE id=?");
const Sql kDropCursor("DELETE FROM cursors WHERE id=?");
const Sql kDropLanes("DELETE FROM parked WHERE cursor=?");
const Sql kDropFilters("DELETE FROM filters WHERE cursor=?");
const Sql kKeepName(
    "INSERT OR REPLACE INTO dropped (cursor,endpoint) SELECT id,endpoint FROM cursors WHERE id=?1"
    " AND EXISTS (SELECT 1 FROM attempts WHERE cursor=?1)");
const Sql kForgetNames(
    "DELETE FROM dropped WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.cursor=dropped.cursor)");
const Sql kNames("SELECT cursor,endpoint FROM dropped ORDER BY cursor");
const Sql kFinished(
    "SELECT id FROM cursors AS c WHERE kind=?1 AND settled_through>=through"
    " AND NOT EXISTS (SELECT 1 FROM parked WHERE cursor=c.id AND next_seq<=c.through)"
    " AND (receipt='' OR EXISTS (SELECT 1 FROM cursors AS o WHERE o.endpoint=c.endpoint"
    " AND (o.kind=?2 OR (o.kind=?1 AND o.id>c.id))))");

const Sql kRemovedOf(
    "SELECT id FROM cursors AS c WHERE kind=?1 AND endpoint=?2 AND (settled_through<through"
    " OR EXISTS (SELECT 1 FROM parked WHERE cursor=c.id))");
const Sql kSettleAll("UPDATE cursors SET settled_through=through,settled=matched,settlements=settlements+1 WHERE id=?");

constexpr std::int64_t kUnknown = 0;  // recorded_at of a parked lane: the column takes no NULL

ParkedLane ReadParked(const Query& query) {
  ParkedLane lane;
  lane.lane = query.Text(0);
  lane.next_seq = query.Int(1);
  lane.attempts = static_cast<int>(query.Int(2));
  lane.probes = static_cast<int>(query.Int(3));
  lane.due = query.Int(4);
  lane.age = query.Int(5);
  lane.reason = query.Text(6);
  if (const std::int64_t at = query.Int(7); at != kUnknown) lane.recorded_at = at;
  lane.started = query.Int(8) != 0;
  lane.refused = query.Int(9);
  lane.streak = query.Int(10);
  return lane;
}

}  // namespace

Result<void> Settle(Tx& tx, const Settlement& s) {
  Connection& connection = tx.connection();
  Query(connection, kMove, s.settled_through, s.through, s.matched, s.settled, s.receipt, s.fingerprint, s.pace,
        s.cursor, tx.holder(), s.number - 1)
      .Run();
  if (connection.changes() == 0) {
    if (Query(connection, kMadeAlready, s.cursor, tx.holder(), s.number).Step()) return {};
    return Error(Errc::kConflict, "cursor " + std::to_string(s.cursor) + " is gone, or is settled by somebody else");
  }
  for (const ParkedLane& lane : s.park) {
    Query(connection, kPark, s.cursor, lane.lane, lane.next_seq, lane.attempts, lane.probes, lane.due, lane.age,
          lane.reason, lane.recorded_at.value_or(kUnknown), lane.started ? 1 : 0, lane.refused, lane.streak)
        .Run();
  }
  for (const std::string& lane : s.unpark) Query(connection, kUnpark, s.cursor, lane).Run();
  Bury(connection, s.cursor, s.dead);
  Record(connection, s.cursor, s.attempts);
  return {};
}

void Apply(const Settlement& s, Cursor& cursor) {
  cursor.settled_through = s.settled_through;
  cursor.through = s.through;
  cursor.matched = s.matched;
  cursor.settled = s.settled;
  cursor.settlements = s.number;
  cursor.pace = s.pace;
  if (!s.receipt.empty()) cursor.receipt = s.receipt;
  if (!s.fingerprint.empty()) cursor.fingerprint = s.fingerprint;
}

std::vector<Cursor> LoadCursors(Snapshot& s) {
  std::vector<Cursor> cursors;
  Query query(s.connection(), kCursors);
  while (query.Step()) {
    Cursor& c = cursors.emplace_back();
    c.id = query.Int(0);
    c.endpoint = query.Text(1);
    c.kind = static_cast<CursorKind>(query.Int(2));
    c.from = query.Int(3);
    c.through = query.Int(4);
    c.settled_through = query.Int(5);
    c.matched = query.Int(6);
    c.settled = query.Int(7);
    c.selection = query.Text(8);
    c.fingerprint = query.Text(9);
    c.receipt = query.Text(10);
    c.settlements = query.Int(11);
    c.pace = query.Text(12);
  }
  return cursors;
}

std::vector<ParkedLane> LoadParked(Snapshot& s, std::int64_t cursor) {
  std::vector<ParkedLane> lanes;
  Query query(s.connection(), kParked, cursor);
  while (query.Step()) lanes.push_back(ReadParked(query));
  return lanes;
}

std::optional<ParkedLane> FindParked(Snapshot& s, std::int64_t cursor, std::string_view lane) {
  Query query(s.connection(), kOneParked, cursor, lane);
  return query.Step() ? std::optional(ReadParked(query)) : std::nullopt;
}

std::int64_t PutCursor(Tx& tx, const Cursor& c) {
  Connection& connection = tx.connection();
  if (c.id == 0) {
    Query(connection, kAddCursor, c.endpoint, c.kind, c.from, c.through, c.settled_through, c.matched, c.settled,
          c.selection, c.fingerprint, c.receipt, c.pace, tx.holder())
        .Run();
    return connection.last_insert_id();
  }
  Query(connection, kChangeCursor, c.endpoint, c.kind, c.from, c.through, c.settled_through, c.matched, c.settled,
        c.selection, c.fingerprint, c.receipt, c.pace, c.id)
      .Run();
  if (connection.changes() == 0) throw std::logic_error("cursor " + std::to_string(c.id) + " is gone");
  return c.id;
}

void DropCursor(Tx& tx, std::int64_t cursor) {
  Query(tx.connection(), kForgetNames).Run();
  Query(tx.connection(), kKeepName, cursor).Run();
  Query(tx.connection(), kDropFilters, cursor).Run();
  Query(tx.connection(), kDropLanes, cursor).Run();
  Query(tx.connection(), kDropCursor, cursor).Run();
}

std::vector<DroppedCursor> LoadDropped(Snapshot& s) {
  std::vector<DroppedCursor> dropped;
  Query query(s.connection(), kNames);
  while (query.Step()) dropped.push_back({query.Int(0), query.String(1)});
  return dropped;
}

std::size_t DropFinished(Tx& tx) {
  std::vector<std::int64_t> finished;
  {
    Query query(tx.connection(), kFinished, CursorKind::kRemoved, CursorKind::kLive);
    while (query.Step()) finished.push_back(query.Int(0));
  }
  for (const std::int64_t cursor : finished) DropCursor(tx, cursor);
  return finished.size();
}

std::size_t GiveUpRemoved(Tx& tx, std::string_view endpoint) {
  std::vector<std::int64_t> unsettled;
  {
    Query query(tx.connection(), kRemovedOf, CursorKind::kRemoved, endpoint);
    while (query.Step()) unsettled.push_back(query.Int(0));
  }
  for (const std::int64_t cursor : unsettled) {
    Query(tx.connection(), kDropLanes, cursor).Run();
    Query(tx.connection(), kSettleAll, cursor).Run();
  }
  DropFinished(tx);
  return unsettled.size();
}

}  // namespace portcall::store
