#include "store/retention.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "store/cursors.h"
#include "store/event_log.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kNeeds(
    "SELECT kind,settled_through,through,(SELECT min(next_seq) FROM parked WHERE cursor=c.id) FROM cursors AS c");
const Sql kDelete(
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq>? AND seq<=? ORDER BY seq LIMIT ?)");
const Sql kFirstFrom("SELECT seq FROM events WHERE seq>=? ORDER BY seq LIMIT 1");
const Sql kRowBytes(
    "SELECT length(details)+length(repository)+length(media_type)+length(tag)+length(actor)+length(source)"
    " FROM events WHERE seq>=? ORDER BY seq LIMIT 1");

const Sql kForgetLaterMarks("DELETE FROM marks WHERE at>?");
const Sql kNewestMark("SELECT at,passed_through FROM marks ORDER BY at DESC LIMIT 1");
const Sql kPutMark("INSERT OR REPLACE INTO marks (at,passed_through) VALUES (?,?)");
const Sql kMarkAt("SELECT at,passed_through FROM marks WHERE at<=? ORDER BY at DESC LIMIT 1");
const Sql kForgetEarlierMarks("DELETE FROM marks WHERE at<?");

constexpr std::int64_t kMarkInterval = 60ll * 1'000'000'000;
constexpr std::int64_t kFixedRowBytes = 320;  // id, digest, numbers, the lane's index, page overhead

// The events after `after`, up to `through`.
struct SeqRange {
  Seq after = 0, through = 0;
};

struct Needs {
  Seq passed = 0;              // live cursors need everything after it
  std::vector<SeqRange> kept;  // what the others need; sorted and disjoint
};

std::vector<SeqRange> Apart(std::vector<SeqRange> ranges) {
  std::ranges::sort(ranges, {}, &SeqRange::after);
  std::vector<SeqRange> apart;
  for (const SeqRange& range : ranges) {
    if (apart.empty() || apart.back().through < range.after) {
      apart.push_back(range);
    } else {
      apart.back().through = std::max(apart.back().through, range.through);
    }
  }
  return apart;
}

Needs NeedsOf(Connection& connection, Seq head) {
  Needs needs;
  needs.passed = head;
  Query query(connection, kNeeds);
  while (query.Step()) {
    const auto kind = static_cast<CursorKind>(query.Int(0));
    SeqRange range{query.Int(1), query.Int(2)};
    if (const Seq parked = query.Int(3); parked != 0) range.after = std::min(range.after, parked - 1);
    if (kind == CursorKind::kLive) {
      needs.passed = std::min(needs.passed, range.after);
    } else if (range.after < range.through) {
      needs.kept.push_back(range);
    }
  }
  needs.kept = Apart(std::move(needs.kept));
  return needs;
}

struct Mark {
  std::int64_t at = 0;
  Seq passed = 0;
};

template <class... Args>
std::optional<Mark> ReadMark(Connection& connection, const Sql& sql, const Args&... args) {
  Query query(connection, sql, args...);
  return query.Step() ? std::optional(Mark{query.Int(0), query.Int(1)}) : std::nullopt;
}

// What had been passed `keep` ago. Marks of a time that is yet to come were made by a clock that was wrong.
Seq PassedLongAgo(Connection& connection, const Retain& retain, Seq passed) {
  Query(connection, kForgetLaterMarks, retain.now).Run();
  const auto newest = ReadMark(connection, kNewestMark);
  const std::int64_t interval = std::min(kMarkInterval, retain.keep / 10);
  const bool due = !newest || (passed > newest->passed && retain.now - newest->at >= interval);
  if (passed > 0 && due) {
    Query(connection, kPutMark, retain.now, passed).Run();
  }
  const auto then = ReadMark(connection, kMarkAt, retain.now - retain.keep);
  if (!then) return 0;
  Query(connection, kForgetEarlierMarks, then->at).Run();
  return std::min(then->passed, passed);
}

// The ranges of seq in which no event is missing.
std::vector<SeqRange> RunsOf(Connection& connection, Seq head, const std::vector<SeqRange>& kept) {
  std::vector<SeqRange> runs;
  Seq after = 0;
  const auto add = [&](Seq through) {
    Query first(connection, kFirstFrom, after + 1);
    if (first.Step() && first.Int(0) <= through) runs.push_back({first.Int(0) - 1, through});
    after = through;
  };
  for (const SeqRange& range : kept) {
    add(range.after);
    add(range.through);
  }
  add(head);
  return runs;
}

}  // namespace

std::size_t DeleteUnneeded(Tx& tx, const Retain& retain, std::size_t limit) {
  Connection& connection = tx.connection();
  const Needs needs = NeedsOf(connection, Head(ReadIn(tx)));
  const Seq through = retain.keep <= 0 ? needs.passed : PassedLongAgo(connection, retain, needs.passed);
  std::size_t gone = 0;
  Seq after = 0;
  const auto remove = [&](Seq up_to) {
    if (up_to <= after || gone == limit) return;
    Query(connection, kDelete, after, up_to, limit - gone).Run();
    gone += static_cast<std::size_t>(connection.changes());
  };
  for (const SeqRange& range : needs.kept) {
    remove(std::min(range.after, through));
    after = range.through;
  }
  remove(through);
  return gone;
}

LogSize SizeOf(Snapshot& s) {
  constexpr std::int64_t kSamples = 64;
  Connection& connection = s.connection();
  const Seq head = Head(s);
  const Needs needs = NeedsOf(connection, head);
  LogSize size;
  size.passed = needs.passed;
  const std::vector<SeqRange> runs = RunsOf(connection, head, needs.kept);
  if (runs.empty()) return size;
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

}  // namespace portcall::store
