#include "store/event_log.h"

#include <algorithm>
#include <limits>

#include "runtime/bytes.h"
#include "store/attempts.h"
#include "store/lane.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

#define EVENT_COLUMNS \
  "seq,recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details,retrial"

const Sql kInsert(
    "INSERT INTO events (recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details,"
    "retrial) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)");
const Sql kHead("SELECT seq FROM sqlite_sequence WHERE name='events'");
const Sql kTail("SELECT min(seq) FROM events");
const Sql kRange("SELECT " EVENT_COLUMNS " FROM events WHERE seq>? AND seq<=? ORDER BY seq");
// Of one block of the log.
const Sql kLane("SELECT " EVENT_COLUMNS
                " FROM events INDEXED BY events_lane"
                " WHERE block=? AND source=? AND repository=? AND seq>? AND seq<=? ORDER BY seq");
const Sql kTagLane("SELECT " EVENT_COLUMNS
                   " FROM events INDEXED BY events_tag"
                   " WHERE block=? AND source=? AND repository=? AND tag=? AND tag<>'' AND seq>? AND seq<=?"
                   " ORDER BY seq");
const Sql kOne("SELECT " EVENT_COLUMNS " FROM events WHERE seq=?");
const Sql kById("SELECT " EVENT_COLUMNS " FROM events WHERE seq>=? AND seq<? AND id=? LIMIT 1");
const Sql kRecordedFrom("SELECT seq,recorded_at FROM events WHERE seq>=? ORDER BY seq LIMIT 1");

#undef EVENT_COLUMNS
#define BRIEF_COLUMNS "seq,recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,'',retrial"
const Sql kBackwards("SELECT " BRIEF_COLUMNS " FROM events WHERE seq>=? AND seq<? ORDER BY seq DESC");
const Sql kLaneBackwards("SELECT " BRIEF_COLUMNS
                         " FROM events INDEXED BY events_lane"
                         " WHERE block=? AND source=? AND repository=? AND seq>=? AND seq<? ORDER BY seq DESC");
const Sql kTagBackwards(
    "SELECT " BRIEF_COLUMNS
    " FROM events INDEXED BY events_tag"
    " WHERE block=? AND source=? AND repository=? AND tag=? AND tag<>'' AND seq>=? AND seq<? ORDER BY seq DESC");
#undef BRIEF_COLUMNS

constexpr std::int64_t kSecond = 1'000'000'000;
// The quick search lets an id's time differ from recorded_at by this much: clocks differ, and the writer has a queue.
constexpr std::int64_t kMadeAfter = 2 * kSecond, kMadeBefore = 10 * kSecond;

EventPtr Read(const Query& row) {
  auto event = std::make_shared<Event>();
  ReadEvent(row, 0, *event);
  return event;
}

constexpr std::size_t kMaxScanned = 8'192;  // events of a repository that one query looks at for those without a tag
constexpr Seq kMaxBlocks = 2'048;           // that one query looks at: some milliseconds

// Gathers rows until the limit is reached; of a lane, those that it holds.
class Taker {
 public:
  Taker(Seq through, Limit limit, const LaneKey* lane) : limit_(limit), lane_(lane), portion_{{}, through} {
    portion_.events.reserve(std::min<std::size_t>(limit.events, 1024));
  }
  bool Take(Query& query) {  // true: all of its rows, and there may be more
    while (query.Step()) {
      EventPtr event = Read(query);
      const Seq seq = event->seq;
      if (lane_ == nullptr || lane_->Holds(*event)) {
        bytes_ += BytesOf(*event);
        portion_.events.push_back(std::move(event));
      }
      const bool looks_on = lane_ == nullptr || ++scanned_ < kMaxScanned;
      if (portion_.events.size() < limit_.events && bytes_ < limit_.bytes && looks_on) continue;
      portion_.through = seq;
      return false;
    }
    return true;
  }
  void EndAt(Seq through) { portion_.through = through; }
  Portion Finish() { return std::move(portion_); }

 private:
  const Limit limit_;
  const LaneKey* const lane_;
  std::size_t bytes_ = 0, scanned_ = 0;
  Portion portion_;
};

Seq HeadOf(Connection& connection) {
  Query query(connection, kHead);
  return query.Step() ? query.Int(0) : 0;
}

Seq TailOf(Connection& connection) {
  Query query(connection, kTail);
  const Seq first = query.Step() ? query.Int(0) : 0;
  return first > 0 ? first : HeadOf(connection) + 1;
}

// Blocks in which the lane has nothing cost a look at their index each.
Portion ReadByBlocks(Connection& connection, const LaneKey& key, Seq after, Seq through, Limit limit) {
  Taker taker(through, limit, key.tag.empty() ? &key : nullptr);
  const Seq last = std::min(through, HeadOf(connection)) >> kBlockBits;
  Seq block = std::max(after + 1, TailOf(connection)) >> kBlockBits;
  for (const Seq end = block + kMaxBlocks; block <= last; ++block) {
    if (block == end) {
      taker.EndAt((block << kBlockBits) - 1);
      break;
    }
    bool more = false;
    if (key.tag.empty()) {
      Query query(connection, kLane, block, key.source, key.repository, after, through);
      more = taker.Take(query);
    } else {
      Query query(connection, kTagLane, block, key.source, key.repository, key.tag, after, through);
      more = taker.Take(query);
    }
    if (!more) break;
  }
  return taker.Finish();
}

// Gathers events on the way to the log's tail.
class BackwardsTaker {
 public:
  explicit BackwardsTaker(const Backwards& what) : what_(what), portion_{{}, what.before} {}

  bool Take(Query& query) {  // true: all of its rows, and there may be more
    while (query.Step()) {
      EventPtr event = Read(query);
      portion_.through = event->seq;
      if (!what_.wanted || what_.wanted(*event)) portion_.events.push_back(std::move(event));
      if (portion_.events.size() >= what_.limit || !GoesOn()) return false;
    }
    return true;
  }
  bool GoesOn() { return ++looked_ % kBetweenAsking != 0 || !what_.goes_on || what_.goes_on(); }
  void Passed(Seq seq) { portion_.through = std::min(portion_.through, seq); }
  Portion Finish() { return std::move(portion_); }

 private:
  static constexpr std::size_t kBetweenAsking = 32;
  const Backwards& what_;
  std::size_t looked_ = 0;
  Portion portion_;
};

// Events of this registry: those that relays brought have a place of their own.
bool TakeBlock(Connection& connection, const Backwards& what, Seq block, Seq first, BackwardsTaker& taker) {
  constexpr std::string_view kHere;
  if (what.tag.empty()) {
    Query query(connection, kLaneBackwards, block, kHere, what.repository, first, what.before);
    return taker.Take(query);
  }
  Query query(connection, kTagBackwards, block, kHere, what.repository, what.tag, first, what.before);
  return taker.Take(query);
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
  const std::string retrial = EncodeRetrial(event.retrial.get());
  Query(connection, kInsert, event.recorded_at, event.action, event.kind, event.size, event.source, event.repository,
        event.tag, event.id, event.digest, event.media_type, event.actor, event.details, retrial)
      .Run();
  event.seq = connection.last_insert_id();
  const Seq seq = event.seq;
  tx.Appended(std::make_shared<const Event>(std::move(event)));
  return seq;
}

Seq Head(Snapshot& s) { return HeadOf(s.connection()); }
Seq Tail(Snapshot& s) { return TailOf(s.connection()); }

Portion ReadEvents(Snapshot& s, Seq after, Seq through, Limit limit) {
  Taker taker(through, limit, nullptr);
  Query query(s.connection(), kRange, after, through);
  taker.Take(query);
  return taker.Finish();
}

Portion ReadBackwards(Snapshot& s, const Backwards& what) {
  Connection& connection = s.connection();
  const Seq tail = std::max(TailOf(connection), what.after + 1);
  BackwardsTaker taker(what);
  if (what.repository.empty()) {
    Query query(connection, kBackwards, tail, what.before);
    if (taker.Take(query)) taker.Passed(tail);
    return taker.Finish();
  }
  for (Seq block = BlockOf(std::min(what.before - 1, HeadOf(connection))); block >= BlockOf(tail); --block) {
    if (!TakeBlock(connection, what, block, tail, taker)) return taker.Finish();
    taker.Passed(std::max(tail, block << kBlockBits));
    if (!taker.GoesOn()) return taker.Finish();
  }
  taker.Passed(tail);
  return taker.Finish();
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
  return ReadByBlocks(s.connection(), key, after, through, limit);
}

EventPtr FindEvent(Snapshot& s, Seq seq) {
  Query query(s.connection(), kOne, seq);
  return query.Step() ? Read(query) : nullptr;
}

EventPtr FindEvent(Snapshot& s, std::string_view id) {
  // An id carries the time it was made, and most are recorded at once: the log needs no index of ids.
  const auto millis = runtime::UuidV7Millis(id);
  if (!millis) return nullptr;
  Connection& connection = s.connection();
  const std::int64_t made = *millis * 1'000'000;
  return FindIn(connection, id, FirstRecorded(connection, made - kMadeAfter),
                FirstRecorded(connection, made + kMadeBefore));
}

Seq FirstSince(Snapshot& s, std::int64_t unix_nanos) { return FirstRecorded(s.connection(), unix_nanos); }

}  // namespace portcall::store
