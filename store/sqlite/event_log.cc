#include "store/event_log.h"

#include <algorithm>
#include <limits>

#include "runtime/bytes.h"
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
const Sql kRange("SELECT " EVENT_COLUMNS " FROM events WHERE seq>? AND seq<=? ORDER BY seq LIMIT ?");
const Sql kLane("SELECT " EVENT_COLUMNS
                " FROM events WHERE source=? AND repository=? AND seq>? AND seq<=? ORDER BY seq LIMIT ?");
const Sql kOne("SELECT " EVENT_COLUMNS " FROM events WHERE seq=?");
const Sql kById("SELECT " EVENT_COLUMNS " FROM events WHERE seq>=? AND seq<? AND id=? LIMIT 1");
const Sql kRecordedFrom("SELECT seq,recorded_at FROM events WHERE seq>=? ORDER BY seq LIMIT 1");
const Sql kRowBytes(
    "SELECT length(details)+length(repository)+length(media_type)+length(tag)+length(actor)+length(source)"
    " FROM events WHERE seq>=? ORDER BY seq LIMIT 1");
const Sql kDelete(
    "DELETE FROM events WHERE seq IN"
    " (SELECT seq FROM events WHERE seq>? AND seq<=? AND recorded_at<? ORDER BY seq LIMIT ?)");

const Sql kPutMark("INSERT OR REPLACE INTO marks (at,passed_through) VALUES (?,?)");
const Sql kTakeMark("SELECT at,passed_through FROM marks WHERE at<=? ORDER BY at DESC LIMIT 1");
const Sql kForgetMarks("DELETE FROM marks WHERE at<?");

#undef EVENT_COLUMNS

constexpr std::int64_t kSecond = 1'000'000'000;
// The quick search lets an id's time differ from recorded_at by this much: clocks differ, and the writer has a queue.
constexpr std::int64_t kMadeAfter = 2 * kSecond, kMadeBefore = 10 * kSecond;
constexpr std::int64_t kFixedRowBytes = 320;  // id, digest, numbers, the lane's index, page overhead

EventPtr Read(const Query& row) {
  auto event = std::make_shared<Event>();
  ReadEvent(row, 0, *event);
  return event;
}

std::vector<EventPtr> All(Query& query, std::size_t expected) {
  std::vector<EventPtr> events;
  events.reserve(std::min<std::size_t>(expected, 1024));
  while (query.Step()) events.push_back(Read(query));
  return events;
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

// The ranges of seq in which no event is missing.
std::vector<SeqRange> RunsOf(Connection& connection, std::span<const SeqRange> kept) {
  std::vector<SeqRange> runs;
  Seq after = 0;
  const auto add = [&](Seq through) {
    Query first(connection, kRecordedFrom, after + 1);
    if (first.Step() && first.Int(0) <= through) runs.push_back({first.Int(0) - 1, through});
    after = through;
  };
  for (const SeqRange& range : kept) {
    add(range.after);
    add(range.through);
  }
  add(HeadOf(connection));
  return runs;
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
  const std::size_t bytes = BytesOf(event);
  tx.Appended(std::make_shared<const Event>(std::move(event)), bytes);
  return seq;
}

Seq Head(Snapshot& s) { return HeadOf(s.connection()); }
Seq Head(Tx& tx) { return HeadOf(tx.connection()); }
Seq Tail(Snapshot& s) { return TailOf(s.connection()); }

std::vector<EventPtr> ReadEvents(Snapshot& s, Seq after, Seq through, std::size_t limit) {
  Query query(s.connection(), kRange, after, through, limit);
  return All(query, limit);
}

std::vector<EventPtr> ReadLane(Snapshot& s, std::string_view source, std::string_view repository, Seq after,
                               Seq through, std::size_t limit) {
  Query query(s.connection(), kLane, source, repository, after, through, limit);
  return All(query, limit);
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

LogSize SizeOf(Snapshot& s, std::span<const SeqRange> kept) {
  constexpr std::int64_t kSamples = 64;
  Connection& connection = s.connection();
  const std::vector<SeqRange> runs = RunsOf(connection, kept);
  if (runs.empty()) return {};
  LogSize size;
  size.first = runs.front().after + 1;
  for (const SeqRange& run : runs) size.events += run.through - run.after;
  const std::int64_t samples = std::min(size.events, kSamples);
  std::int64_t sampled = 0, bytes = 0, before = 0;  // before: events in the runs already passed
  auto run = runs.begin();
  for (std::int64_t i = 0; i < samples; ++i) {
    const std::int64_t place = i * size.events / samples;
    for (; place - before >= run->through - run->after; ++run) before += run->through - run->after;
    Query row(connection, kRowBytes, run->after + 1 + place - before);
    if (!row.Step()) continue;
    bytes += row.Int(0) + kFixedRowBytes;
    ++sampled;
  }
  if (sampled > 0) size.bytes = bytes / sampled * size.events;
  return size;
}

std::size_t DeleteEvents(Tx& tx, Seq through, std::int64_t recorded_before, std::size_t limit,
                         std::span<const SeqRange> kept) {
  Connection& connection = tx.connection();
  std::size_t gone = 0;
  Seq after = 0;
  const auto remove = [&](Seq up_to) {
    if (up_to <= after || gone == limit) return;
    Query(connection, kDelete, after, up_to, recorded_before, limit - gone).Run();
    gone += static_cast<std::size_t>(connection.changes());
  };
  for (const SeqRange& range : kept) {
    remove(std::min(range.after, through));
    after = range.through;
  }
  remove(through);
  return gone;
}

void PutMark(Tx& tx, std::int64_t at, Seq passed_through) {
  Query(tx.connection(), kPutMark, at, passed_through).Run();
}

Seq TakeMark(Tx& tx, std::int64_t at) {
  std::int64_t marked_at = 0;
  Seq through = 0;
  {
    Query mark(tx.connection(), kTakeMark, at);
    if (!mark.Step()) return 0;
    marked_at = mark.Int(0);
    through = mark.Int(1);
  }
  Query(tx.connection(), kForgetMarks, marked_at).Run();
  return through;
}

}  // namespace portcall::store
