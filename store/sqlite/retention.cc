#include "store/retention.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "store/cursors.h"
#include "store/event_log.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/sums.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kNeeds(
    "SELECT kind,settled_through,through,(SELECT min(next_seq) FROM parked WHERE cursor=c.id) FROM cursors AS c");
const Sql kDelete("DELETE FROM events WHERE seq>? AND seq<=?");
const Sql kNth("SELECT seq FROM events WHERE seq>? AND seq<=? ORDER BY seq LIMIT 1 OFFSET ?-1");
const Sql kFirstFrom("SELECT seq FROM events WHERE seq>=? ORDER BY seq LIMIT 1");

const Sql kForgetLaterMarks("DELETE FROM marks WHERE at>?");
const Sql kNewestMark("SELECT at,passed_through FROM marks ORDER BY at DESC LIMIT 1");
const Sql kPutMark("INSERT OR REPLACE INTO marks (at,passed_through) VALUES (?,?)");
const Sql kMarkAt("SELECT at,passed_through FROM marks WHERE at<=? ORDER BY at DESC LIMIT 1");
const Sql kForgetEarlierMarks("DELETE FROM marks WHERE at<?");

constexpr std::int64_t kMarkInterval = 60ll * 1'000'000'000;

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
  const std::optional<Mark> newest = ReadMark(connection, kNewestMark);
  const std::int64_t interval = std::min(kMarkInterval, retain.keep / 10);
  if (newest ? passed > newest->passed && retain.now - newest->at >= interval : passed > 0) {
    Query(connection, kPutMark, retain.now, passed).Run();
  }
  const std::optional<Mark> then = ReadMark(connection, kMarkAt, retain.now - retain.keep);
  if (!then) return 0;
  Query(connection, kForgetEarlierMarks, then->at).Run();
  return std::min(then->passed, passed);
}

// The seq of the nth event after `after`, `through` if there are fewer.
Seq NthAfter(Connection& connection, Seq after, Seq through, std::size_t nth) {
  Query query(connection, kNth, after, through, nth);
  return query.Step() ? query.Int(0) : through;
}

std::optional<Seq> FirstFrom(Connection& connection, Seq seq) {
  Query first(connection, kFirstFrom, seq);
  return first.Step() ? std::optional(first.Int(0)) : std::nullopt;
}

// The last of as many events as the limit lets, of a range that begins with one.
Seq LastWithin(Connection& connection, SeqRange range, Limit limit) {
  const Seq last = NthAfter(connection, range.after, range.through, limit.events);
  const auto bytes = static_cast<std::int64_t>(std::min<std::size_t>(limit.bytes, INT64_MAX));
  const bool fit = BytesBetween(connection, range.after, last) <= bytes;
  return fit ? last : ReachBytes(connection, range.after, last, bytes);
}

// The ranges of seq in which no event is missing.
std::vector<SeqRange> RunsOf(Connection& connection, Seq head, const std::vector<SeqRange>& kept) {
  std::vector<SeqRange> runs;
  Seq after = 0;
  const auto add = [&](Seq through) {
    const std::optional<Seq> first = FirstFrom(connection, after + 1);
    if (first && *first <= through) runs.push_back({*first - 1, through});
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

Forgotten DeleteUnneeded(Tx& tx, const Retain& retain, Limit limit) {
  Connection& connection = tx.connection();
  const Needs needs = NeedsOf(connection, Head(ReadIn(tx)));
  const Seq through = retain.keep <= 0 ? needs.passed : PassedLongAgo(connection, retain, needs.passed);
  Forgotten gone;
  Seq after = 0;
  const auto remove = [&](Seq up_to) {
    const std::optional<Seq> first = gone.more ? std::nullopt : FirstFrom(connection, after + 1);
    if (!first || *first > up_to) return;
    const Seq last = LastWithin(connection, {*first - 1, up_to}, limit);
    gone.more = last < up_to;
    const std::int64_t bytes = BytesBetween(connection, *first - 1, last);
    gone.bytes += bytes;
    limit.bytes -= std::min(limit.bytes, static_cast<std::size_t>(bytes));
    Query(connection, kDelete, after, last).Run();
    const auto removed = static_cast<std::size_t>(connection.changes());
    gone.events += removed;
    limit.events -= std::min(limit.events, removed);
    gone.more = gone.more || limit.events == 0 || limit.bytes == 0;
    ForgetSums(connection, after, FirstFrom(connection, after + 1).value_or(up_to + 1) - 1);
  };
  for (const SeqRange& range : needs.kept) {
    remove(std::min(range.after, through));
    after = range.through;
  }
  remove(through);
  return gone;
}

LogSize SizeOf(Snapshot& s) {
  Connection& connection = s.connection();
  const Seq head = Head(s);
  const Needs needs = NeedsOf(connection, head);
  LogSize size;
  size.passed = needs.passed;
  size.held_bytes = BytesBetween(connection, needs.passed, head);
  for (const SeqRange& run : RunsOf(connection, head, needs.kept)) {
    if (size.events == 0) size.first = run.after + 1;
    size.events += run.through - run.after;
    size.bytes += BytesBetween(connection, run.after, run.through);
  }
  return size;
}

Seq ReachOldest(Snapshot& s, std::int64_t bytes) {
  Connection& connection = s.connection();
  const Seq head = Head(s);
  for (const SeqRange& run : RunsOf(connection, head, NeedsOf(connection, head).kept)) {
    const std::int64_t all = BytesBetween(connection, run.after, run.through);
    if (all >= bytes) return ReachBytes(connection, run.after, run.through, bytes);
    bytes -= all;
  }
  return head;
}

}  // namespace portcall::store
