#include "store/cursors.h"

#include <stdexcept>

#include "store/sqlite/event_row.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

const Sql kMove(
    "UPDATE cursors SET settled_through=?,through=?,matched=?,settled=?,receipt=coalesce(nullif(?,''),receipt)"
    " WHERE id=?");
const Sql kPark(
    "INSERT OR REPLACE INTO parked (cursor,lane,next_seq,attempts,due,age,reason,recorded_at)"
    " VALUES (?,?,?,?,?,?,?,?)");
const Sql kUnpark("DELETE FROM parked WHERE cursor=? AND lane=?");
const Sql kBury(
    "INSERT INTO dead (cursor,attempts,died_at,bytes,endpoint,seq,recorded_at,action,kind,size,source,repository,tag,"
    "event_id,digest,media_type,actor,details,reason,answer,through,events)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
const Sql kExtendRange(
    "UPDATE dead SET through=?,events=events+? WHERE id=(SELECT max(id) FROM dead WHERE cursor=? AND through<>0)"
    " AND through+1=? AND endpoint=? AND reason=?");
const Sql kGrowDead("UPDATE dead_size SET bytes=bytes+? WHERE id=1");
const Sql kDeadSize("SELECT bytes FROM dead_size WHERE id=1");
const Sql kAttempt(
    "INSERT INTO attempts (cursor,seq,at,events,attempt,delivered,status,latency_us,error) VALUES (?,?,?,?,?,?,?,?,?)");
const Sql kCursors(
    "SELECT id,endpoint,kind,from_seq,through,settled_through,matched,settled,selection,fingerprint,receipt"
    " FROM cursors ORDER BY id");
const Sql kParked(
    "SELECT lane,next_seq,attempts,due,age,reason,recorded_at FROM parked WHERE cursor=? ORDER BY next_seq,lane");
const Sql kAddCursor(
    "INSERT INTO cursors (endpoint,kind,from_seq,through,settled_through,matched,settled,selection,fingerprint,receipt)"
    " VALUES (?,?,?,?,?,?,?,?,?,?)");
const Sql kChangeCursor(
    "UPDATE cursors SET endpoint=?,kind=?,from_seq=?,through=?,settled_through=?,matched=?,settled=?,selection=?,"
    "fingerprint=?,receipt=? WHERE id=?");
const Sql kDropCursor("DELETE FROM cursors WHERE id=?");
const Sql kDropLanes("DELETE FROM parked WHERE cursor=?");
const Sql kCountDead("SELECT count(*) FROM dead WHERE endpoint=?");
const Sql kDead(
    "SELECT id,cursor,endpoint,attempts,died_at,reason,answer,seq,recorded_at,action,kind,size,source,repository,tag,"
    "event_id,digest,media_type,actor,details,through,events FROM dead WHERE endpoint=? AND id>? ORDER BY id LIMIT ?");
const Sql kOldestDead("SELECT id,bytes,died_at FROM dead ORDER BY id LIMIT 1");
const Sql kDropDead("DELETE FROM dead WHERE id=? RETURNING bytes");
const Sql kAttempts(
    "SELECT seq,at,events,attempt,delivered,status,latency_us,error FROM attempts WHERE cursor=? AND seq=?"
    " ORDER BY id LIMIT ?");
const Sql kAttemptIds("SELECT (SELECT min(id) FROM attempts),(SELECT max(id) FROM attempts)");
// Looks at no more than the oldest `limit`: the rest is younger.
const Sql kTrimAttempts(
    "DELETE FROM attempts WHERE id IN (SELECT id FROM (SELECT id,at FROM attempts ORDER BY id LIMIT ?)"
    " WHERE id<? OR at<?)");
const Sql kEndpoint("SELECT name,paused,reason,fingerprint FROM endpoints WHERE name=?");
const Sql kPutEndpoint("INSERT OR REPLACE INTO endpoints (name,paused,reason,fingerprint) VALUES (?,?,?,?)");

constexpr std::int64_t kFixedDeadBytes = 320;  // numbers, digest, id, index, page overhead

void Bury(Connection& connection, std::int64_t cursor, const DeadLetter& dead) {
  const Event& e = dead.event;
  const std::size_t texts = e.details.size() + e.repository.size() + e.media_type.size() + dead.reason.size() +
                            dead.answer.size() + dead.endpoint.size();
  const std::int64_t bytes = kFixedDeadBytes + static_cast<std::int64_t>(texts);
  const std::int64_t owner = dead.cursor != 0 ? dead.cursor : cursor;
  Query(connection, kBury, owner, dead.attempts, dead.died_at, bytes, dead.endpoint, e.seq, e.recorded_at, e.action,
        e.kind, e.size, e.source, e.repository, e.tag, e.id, e.digest, e.media_type, e.actor, e.details, dead.reason,
        dead.answer, dead.through, dead.events)
      .Run();
  Query(connection, kGrowDead, bytes).Run();
}

bool ExtendRange(Connection& connection, std::int64_t cursor, const DeadLetter& dead) {
  Query(connection, kExtendRange, dead.through, dead.events, cursor, dead.event.seq, dead.endpoint, dead.reason).Run();
  return connection.changes() != 0;
}

std::optional<std::int64_t> DropOneDead(Connection& connection, std::int64_t id) {
  std::int64_t bytes = 0;
  {
    Query query(connection, kDropDead, id);
    if (!query.Step()) return std::nullopt;
    bytes = query.Int(0);
    query.Run();
  }
  Query(connection, kGrowDead, -bytes).Run();
  return bytes;
}

// Attempts get ascending ids and go from the lowest, so that counting them needs no scan.
std::size_t TrimAttempts(Connection& connection, std::int64_t before, std::int64_t rows, std::size_t limit) {
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

std::size_t TrimDead(Connection& connection, std::int64_t before, std::int64_t max_bytes, std::size_t limit) {
  std::int64_t total = 0;
  {
    Query query(connection, kDeadSize);
    if (query.Step()) total = query.Int(0);
  }
  std::size_t gone = 0;
  while (gone < limit) {
    std::int64_t id = 0;
    {
      Query oldest(connection, kOldestDead);
      if (!oldest.Step() || (oldest.Int(2) >= before && total <= max_bytes)) break;
      id = oldest.Int(0);
    }
    total -= DropOneDead(connection, id).value_or(0);
    ++gone;
  }
  return gone;
}

}  // namespace

void Apply(Tx& tx, const Settlement& s) {
  Connection& connection = tx.connection();
  Query(connection, kMove, s.settled_through, s.through, s.matched, s.settled, s.receipt, s.cursor).Run();
  if (connection.changes() == 0)
    throw std::logic_error("settlement of cursor " + std::to_string(s.cursor) + ", which is gone");
  for (const ParkedLane& lane : s.park) {
    Query(connection, kPark, s.cursor, lane.lane, lane.next_seq, lane.attempts, lane.due, lane.age, lane.reason,
          lane.recorded_at)
        .Run();
  }
  for (const std::string& lane : s.unpark) Query(connection, kUnpark, s.cursor, lane).Run();
  for (const DeadLetter& dead : s.dead) {
    if (dead.through == 0 || !ExtendRange(connection, s.cursor, dead)) Bury(connection, s.cursor, dead);
  }
  for (const AttemptRow& a : s.attempts) {
    Query(connection, kAttempt, s.cursor, a.seq, a.at, a.events, a.attempt, a.delivered, a.status, a.latency_us,
          a.error)
        .Run();
  }
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
  }
  return cursors;
}

std::vector<ParkedLane> LoadParked(Snapshot& s, std::int64_t cursor) {
  std::vector<ParkedLane> lanes;
  Query query(s.connection(), kParked, cursor);
  while (query.Step()) {
    ParkedLane& lane = lanes.emplace_back();
    lane.lane = query.Text(0);
    lane.next_seq = query.Int(1);
    lane.attempts = static_cast<int>(query.Int(2));
    lane.due = query.Int(3);
    lane.age = query.Int(4);
    lane.reason = query.Text(5);
    lane.recorded_at = query.Int(6);
  }
  return lanes;
}

std::int64_t PutCursor(Tx& tx, const Cursor& c) {
  Connection& connection = tx.connection();
  if (c.id == 0) {
    Query(connection, kAddCursor, c.endpoint, c.kind, c.from, c.through, c.settled_through, c.matched, c.settled,
          c.selection, c.fingerprint, c.receipt)
        .Run();
    return connection.last_insert_id();
  }
  Query(connection, kChangeCursor, c.endpoint, c.kind, c.from, c.through, c.settled_through, c.matched, c.settled,
        c.selection, c.fingerprint, c.receipt, c.id)
      .Run();
  if (connection.changes() == 0) throw std::logic_error("cursor " + std::to_string(c.id) + " is gone");
  return c.id;
}

void DropCursor(Tx& tx, std::int64_t cursor) {
  Query(tx.connection(), kDropLanes, cursor).Run();
  Query(tx.connection(), kDropCursor, cursor).Run();
}

std::int64_t CountDead(Snapshot& s, std::string_view endpoint) {
  Query query(s.connection(), kCountDead, endpoint);
  return query.Step() ? query.Int(0) : 0;
}

std::vector<DeadLetter> ListDead(Snapshot& s, std::string_view endpoint, std::int64_t after_id, std::size_t limit) {
  std::vector<DeadLetter> letters;
  Query query(s.connection(), kDead, endpoint, after_id, limit);
  while (query.Step()) {
    DeadLetter& dead = letters.emplace_back();
    dead.id = query.Int(0);
    dead.cursor = query.Int(1);
    dead.endpoint = query.Text(2);
    dead.attempts = static_cast<int>(query.Int(3));
    dead.died_at = query.Int(4);
    dead.reason = query.Text(5);
    dead.answer = query.Text(6);
    ReadEvent(query, 7, dead.event);
    dead.through = query.Int(20);
    dead.events = query.Int(21);
  }
  return letters;
}

bool DropDead(Tx& tx, std::int64_t id) { return DropOneDead(tx.connection(), id).has_value(); }

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

Trimmed TrimHistory(Tx& tx, std::int64_t attempts_before, std::int64_t rows, std::int64_t dead_before,
                    std::int64_t dead_bytes, std::size_t limit) {
  Trimmed gone;
  gone.attempts = TrimAttempts(tx.connection(), attempts_before, rows, limit);
  gone.dead = TrimDead(tx.connection(), dead_before, dead_bytes, limit - gone.attempts);
  return gone;
}

namespace {

std::optional<EndpointState> ReadEndpoint(Connection& connection, std::string_view name) {
  Query query(connection, kEndpoint, name);
  if (!query.Step()) return std::nullopt;
  return EndpointState{query.String(0), query.Int(1) != 0, query.String(2), query.String(3)};
}

}  // namespace

std::optional<EndpointState> FindEndpoint(Snapshot& s, std::string_view name) {
  return ReadEndpoint(s.connection(), name);
}

std::optional<EndpointState> FindEndpoint(Tx& tx, std::string_view name) { return ReadEndpoint(tx.connection(), name); }

void PutEndpoint(Tx& tx, const EndpointState& state) {
  Query(tx.connection(), kPutEndpoint, state.name, state.paused, state.reason, state.fingerprint).Run();
}

}  // namespace portcall::store
