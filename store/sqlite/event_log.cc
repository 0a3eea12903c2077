#include "store/event_log.h"

#include <algorithm>
#include <limits>

#include "runtime/bytes.h"
#include "store/lane.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

#define EVENT_COLUMNS "seq,recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details"

const Sql kInsert(
    "INSERT INTO events (recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
const Sql kHead("SELECT seq FROM sqlite_sequence WHERE name='events'");
const Sql kTail("SELECT min(seq) FROM events");
const Sql kRange("SELECT " EVENT_COLUMNS " FROM events WHERE seq>? AND seq<=? ORDER BY seq");
const Sql kLane("SELECT " EVENT_COLUMNS
                " FROM events WHERE source=? AND repository=? AND seq>? AND seq<=? ORDER BY seq");
const Sql kOne("SELECT " EVENT_COLUMNS " FROM events WHERE seq=?");
const Sql kById("SELECT " EVENT_COLUMNS " FROM events WHERE seq>=? AND seq<? AND id=? LIMIT 1");
const Sql kRecordedFrom("SELECT seq,recorded_at FROM events WHERE seq>=? ORDER BY seq LIMIT 1");

#undef EVENT_COLUMNS

constexpr std::int64_t kSecond = 1'000'000'000;
// The quick search lets an id's time differ from recorded_at by this much: clocks differ, and the writer has a queue.
constexpr std::int64_t kMadeAfter = 2 * kSecond, kMadeBefore = 10 * kSecond;

EventPtr Read(const Query& row) {
  auto event = std::make_shared<Event>();
  ReadEvent(row, 0, *event);
  return event;
}

constexpr std::size_t kMaxScanned = 8'192;  // events of a repository that one query looks at for a tag's

// As many rows as the limit lets; of a lane, those that it holds.
Portion Take(Query& query, Seq through, Limit limit, const LaneKey* lane) {
  Portion portion{{}, through};
  portion.events.reserve(std::min<std::size_t>(limit.events, 1024));
  std::size_t bytes = 0;
  for (std::size_t scanned = 1; query.Step(); ++scanned) {
    EventPtr event = Read(query);
    const Seq seq = event->seq;
    if (lane == nullptr || lane->Holds(*event)) {
      bytes += BytesOf(*event);
      portion.events.push_back(std::move(event));
    }
    const bool looks_on = lane == nullptr || scanned < kMaxScanned;
    if (portion.events.size() < limit.events && bytes < limit.bytes && looks_on) continue;
    portion.through = seq;
    break;
  }
  return portion;
}

Seq HeadOf(Connection& connection) {
  Query query(connection, kHead);
  return query.Step() ? query.Int(0) : 0;
}

Seq TailOf(Connection& connection) {
  Query query(connection, kTail);
  const Seq first = query.Step() ? query.Int(0) : 0;
  return first > 0 ? first : HeadOf(connection) + 1;
}

// Binary search: recorded_at never decreases along seq.
Seq FirstRecorded(Connection& connection, std::int64_t unix_nanos) {
  Seq low = TailOf(connection);
  Seq high = HeadOf(connection) + 1;  // the answer lies in [low, high]
  while (low < high) {
    const Seq middle = low + (high - low) / 2;
    Query row(connection, kRecordedFrom, middle);
    if (!row.Step() || row.Int(1) >= unix_nanos) {
      high = middle;
    } else {
      low = row.Int(0) + 1;
    }
  }
  return low;
}

EventPtr FindIn(Connection& connection, std::string_view id, Seq from, Seq before) {
  Query query(connection, kById, from, before, id);
  return query.Step() ? Read(query) : nullptr;
}

}  // namespace

Seq Append(Tx& tx, Event event) {
  Connection& connection = tx.connection();
  if (event.id.empty()) event.id = runtime::UuidV7();
  event.recorded_at = tx.RecordNow();
  Query(connection, kInsert, event.recorded_at, event.action, event.kind, event.size, event.source, event.repository,
        event.tag, event.id, event.digest, event.media_type, event.actor, event.details)
      .Run();
  event.seq = connection.last_insert_id();
  const Seq seq = event.seq;
  tx.Appended(std::make_shared<const Event>(std::move(event)));
  return seq;
}

Seq Head(Snapshot& s) { return HeadOf(s.connection()); }
Seq Tail(Snapshot& s) { return TailOf(s.connection()); }

Portion ReadEvents(Snapshot& s, Seq after, Seq through, Limit limit) {
  Query query(s.connection(), kRange, after, through);
  return Take(query, through, limit, nullptr);
}

Portion ReadLane(Snapshot& s, std::string_view lane, Seq after, Seq through, Limit limit) {
  const LaneKey key = LaneKey::Parse(lane);
  if (key.kind == LaneKey::Kind::kStrict) return {{}, through};
  if (key.kind == LaneKey::Kind::kSingle) {
    Portion portion{{}, through};
    if (key.seq > after && key.seq <= through) {
      if (EventPtr event = FindEvent(s, key.seq)) portion.events.push_back(std::move(event));
    }
    return portion;
  }
  Query query(s.connection(), kLane, key.source, key.repository, after, through);
  return Take(query, through, limit, &key);
}

EventPtr FindEvent(Snapshot& s, Seq seq) {
  Query query(s.connection(), kOne, seq);
  return query.Step() ? Read(query) : nullptr;
}

EventPtr FindEvent(Snapshot& s, std::string_view id) {
  Connection& connection = s.connection();
  // An id carries the time it was made, and most are recorded at once: the log needs no index of ids. Those that were
  // made elsewhere, long before or by another scheme, are looked for everywhere.
  if (const auto millis = runtime::UuidV7Millis(id)) {
    const std::int64_t made = *millis * 1'000'000;
    const Seq from = FirstRecorded(connection, made - kMadeAfter);
    const Seq before = FirstRecorded(connection, made + kMadeBefore);
    if (EventPtr event = FindIn(connection, id, from, before)) return event;
  }
  return FindIn(connection, id, 0, HeadOf(connection) + 1);
}

Seq FirstSince(Snapshot& s, std::int64_t unix_nanos) { return FirstRecorded(s.connection(), unix_nanos); }

}  // namespace portcall::store
