#include "store/dead_letters.h"

#include <optional>

#include "store/sqlite/bury.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/record.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kBury(
    "INSERT INTO dead (cursor,attempts,died_at,bytes,endpoint,seq,recorded_at,action,kind,size,source,repository,tag,"
    "event_id,digest,media_type,actor,details,retrial,reason,answer,through,events)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
const Sql kExtendRange(
    "UPDATE dead SET through=?,events=events+? WHERE id=(SELECT max(id) FROM dead WHERE cursor=? AND through<>0)"
    " AND through+1=? AND endpoint=? AND reason=?");
const Sql kGrowDead("UPDATE dead_size SET bytes=bytes+? WHERE id=1");
const Sql kDeadSize("SELECT bytes FROM dead_size WHERE id=1");
const Sql kCountDead("SELECT count(*) FROM dead WHERE endpoint=?");
// Without details and answers where many are read: events may be large, and have a dead letter for each endpoint.
#define DEAD(answer, details)                                 \
  "SELECT id,cursor,endpoint,attempts,died_at,reason," answer \
  ",seq,recorded_at,action,kind,size,source,repository,"      \
  "tag,event_id,digest,media_type,actor," details ",retrial,through,events FROM dead"
const Sql kDead(DEAD("answer", "details") " WHERE endpoint=? AND id>? ORDER BY id LIMIT ?");
const Sql kOneDead(DEAD("answer", "details") " WHERE id=?");
const Sql kDeadBriefly(DEAD("''", "''") " WHERE endpoint=? AND id>? ORDER BY id LIMIT ?");
const Sql kAllDeadBriefly(DEAD("''", "''") " WHERE id>? ORDER BY id LIMIT ?");
const Sql kDeadOfSeq(DEAD("answer", "''") " INDEXED BY dead_seq WHERE seq=? AND through=0 ORDER BY id LIMIT ?");
const Sql kDeadOfEvent(DEAD("answer",
                            "''") " INDEXED BY dead_event WHERE event_id=? AND through=0 ORDER BY id LIMIT ?");
const Sql kDeadRange(DEAD(
    "answer", "''") " INDEXED BY dead_ranges WHERE cursor=? AND through<>0 AND seq<=? AND through>=?"
                    " ORDER BY id DESC LIMIT 1");
#undef DEAD
const Sql kOldestDead("SELECT id,died_at,endpoint FROM dead ORDER BY id LIMIT 1");
const Sql kDropDead("DELETE FROM dead WHERE id=? RETURNING bytes");

constexpr std::int64_t kFixedDeadBytes = 320;  // numbers, digest, id, index, page overhead

void Bury(Connection& connection, std::int64_t cursor, const DeadLetter& dead) {
  const Event& e = dead.event;
  const std::size_t texts = e.details.size() + e.repository.size() + e.media_type.size() + dead.reason.size() +
                            dead.answer.size() + dead.endpoint.size();
  const std::int64_t bytes = kFixedDeadBytes + static_cast<std::int64_t>(texts);
  const std::int64_t owner = dead.cursor != 0 ? dead.cursor : cursor;
  const std::string retrial = EncodeRetrial(e.retrial.get());
  Query(connection, kBury, owner, dead.attempts, dead.died_at, bytes, dead.endpoint, e.seq, e.recorded_at, e.action,
        e.kind, e.size, e.source, e.repository, e.tag, e.id, e.digest, e.media_type, e.actor, e.details, retrial,
        dead.reason, dead.answer, dead.through, dead.events)
      .Run();
  Query(connection, kGrowDead, bytes).Run();
}

bool ExtendRange(Connection& connection, std::int64_t cursor, const DeadLetter& dead) {
  Query(connection, kExtendRange, dead.through, dead.events, cursor, dead.event.seq, dead.endpoint, dead.reason).Run();
  return connection.changes() != 0;
}

std::int64_t SizeOfDead(Connection& connection) {
  Query query(connection, kDeadSize);
  return query.Step() ? query.Int(0) : 0;
}

std::vector<DeadLetter> ReadAll(Query& query) {
  std::vector<DeadLetter> letters;
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
    dead.through = query.Int(21);
    dead.events = query.Int(22);
  }
  return letters;
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

}  // namespace

void Bury(Connection& connection, std::int64_t cursor, const std::vector<DeadLetter>& letters) {
  for (const DeadLetter& dead : letters) {
    if (dead.through == 0 || !ExtendRange(connection, cursor, dead)) Bury(connection, cursor, dead);
  }
}

std::int64_t CountDead(Snapshot& s, std::string_view endpoint) {
  Query query(s.connection(), kCountDead, endpoint);
  return query.Step() ? query.Int(0) : 0;
}

std::vector<DeadLetter> ListDead(Snapshot& s, std::string_view endpoint, std::int64_t after_id, std::size_t limit) {
  Query query(s.connection(), kDead, endpoint, after_id, limit);
  return ReadAll(query);
}

std::vector<DeadLetter> ListDeadOf(Snapshot& s, Seq seq, std::size_t limit) {
  Query query(s.connection(), kDeadOfSeq, seq, limit);
  return ReadAll(query);
}

std::vector<DeadLetter> ListDeadOf(Snapshot& s, std::string_view event_id, std::size_t limit) {
  Query query(s.connection(), kDeadOfEvent, event_id, limit);
  return ReadAll(query);
}

std::optional<DeadLetter> FindDeadRange(Snapshot& s, std::int64_t cursor, Seq seq) {
  Query query(s.connection(), kDeadRange, cursor, seq, seq);
  std::vector<DeadLetter> found = ReadAll(query);
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::vector<DeadLetter> ListDeadBriefly(Snapshot& s, std::string_view endpoint, std::int64_t after_id,
                                        std::size_t limit) {
  if (endpoint.empty()) {
    Query query(s.connection(), kAllDeadBriefly, after_id, limit);
    return ReadAll(query);
  }
  Query query(s.connection(), kDeadBriefly, endpoint, after_id, limit);
  return ReadAll(query);
}

std::optional<DeadLetter> FindDead(Snapshot& s, std::int64_t id) {
  Query query(s.connection(), kOneDead, id);
  std::vector<DeadLetter> found = ReadAll(query);
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::int64_t BytesOfDead(Snapshot& s) { return SizeOfDead(s.connection()); }

bool DropDead(Tx& tx, std::int64_t id) { return DropOneDead(tx.connection(), id).has_value(); }

void RetryDead(Tx& tx, const DeadLetter& dead, std::int64_t cursor) {
  if (!DropDead(tx, dead.id)) return;
  Event event = dead.event;
  Retrial retrial{cursor, event.first_recorded_at(), event.retrial ? event.retrial->seqs : std::vector<Seq>()};
  retrial.seqs.push_back(event.seq);
  if (retrial.seqs.size() > Retrial::kMostSeqs) retrial.seqs.erase(retrial.seqs.begin());
  event.retrial = std::make_shared<const Retrial>(std::move(retrial));
  AttemptRow row;
  row.seq = event.seq;
  row.attempt = 0;
  const Seq again = Append(tx, std::move(event));
  row.at = tx.RecordNow();
  row.error = std::string(AttemptRow::kSentAgain) + std::to_string(again);
  Record(tx.connection(), dead.cursor, {row});
}

TrimmedDead TrimDead(Tx& tx, std::int64_t before, std::int64_t bytes, Limit limit) {
  Connection& connection = tx.connection();
  std::int64_t total = SizeOfDead(connection);
  TrimmedDead trimmed;
  while (true) {
    std::int64_t id = 0;
    {
      Query oldest(connection, kOldestDead);
      if (!oldest.Step() || (oldest.Int(1) >= before && total <= bytes)) return trimmed;
      trimmed.more = limit.events == 0 || limit.bytes == 0;
      if (trimmed.more) return trimmed;
      id = oldest.Int(0);
      ++trimmed.rows[std::string(oldest.Text(2))];
    }
    const std::int64_t dropped = DropOneDead(connection, id).value_or(0);
    total -= dropped;
    --limit.events;
    limit.bytes -= std::min(limit.bytes, static_cast<std::size_t>(dropped));
  }
}

}  // namespace portcall::store
