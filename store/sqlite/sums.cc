#include "store/sqlite/sums.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "store/sqlite/event_row.h"
#include "store/sqlite/statement.h"

namespace portcall::store {
namespace {

const Sql kKeep("INSERT OR REPLACE INTO log_sums (through,bytes) VALUES (?,?)");
const Sql kFirstSum("SELECT through,bytes FROM log_sums WHERE through>=? ORDER BY through LIMIT 1");
const Sql kLastSum("SELECT through,bytes FROM log_sums WHERE through<=? ORDER BY through DESC LIMIT 1");
const Sql kForget("DELETE FROM log_sums WHERE through>? AND through<?");
const Sql kLogHead("SELECT max(seq) FROM events");
const Sql kRows(
    "SELECT seq,recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,details,"
    "retrial FROM events"
    " WHERE seq>? AND seq<=? ORDER BY seq");

constexpr Seq kEvery = 64;                   // events; a change needs a migration that makes the rows anew
constexpr std::int64_t kLarge = 64 << 10;    // bytes
constexpr std::int64_t kFixedRowBytes = 90;  // numbers, headers of row and index entry
constexpr std::size_t kRetrialBytes = 60, kSeqBytes = 8;
constexpr std::size_t kTagEntryBytes = 15;  // the same of the second index entry, of an event with a tag

struct Sum {
  Seq through = 0;
  std::int64_t bytes = 0;
};

std::optional<Sum> ReadSum(Connection& connection, const Sql& sql, Seq seq) {
  Query query(connection, sql, seq);
  return query.Step() ? std::optional(Sum{query.Int(0), query.Int(1)}) : std::nullopt;
}

std::int64_t RowsBetween(Connection& connection, Seq after, Seq through) {
  std::int64_t bytes = 0;
  Event event;
  Query rows(connection, kRows, after, through);
  while (rows.Step()) {
    ReadEvent(rows, 0, event);
    bytes += RowBytes(event);
  }
  return bytes;
}

std::int64_t Estimated(Connection& connection, Seq after, Seq through) {
  constexpr Seq kSamples = 64;
  const Seq events = through - after;
  std::int64_t bytes = 0;
  for (Seq i = 0; i < kSamples; ++i) {
    const Seq seq = after + 1 + i * events / kSamples;
    bytes += RowsBetween(connection, seq - 1, seq);
  }
  return bytes * events / kSamples;
}

// A stretch in which there is no sum.
std::int64_t Stretch(Connection& connection, Seq after, Seq through) {
  if (through <= after) return 0;
  return through - after <= kEvery ? RowsBetween(connection, after, through) : Estimated(connection, after, through);
}

// The event with which those of a stretch reach `bytes`; `through` if they do not.
Seq ReachIn(Connection& connection, Seq after, Seq through, std::int64_t bytes) {
  if (through - after <= kEvery) {
    Event event;
    Query rows(connection, kRows, after, through);
    while (rows.Step()) {
      ReadEvent(rows, 0, event);
      bytes -= RowBytes(event);
      if (bytes <= 0) return event.seq;
    }
    return through;
  }
  Seq low = after + 1, high = through;  // the answer lies between them
  while (low < high) {
    const Seq middle = low + (high - low) / 2;
    if (Stretch(connection, after, middle) >= bytes) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return high;
}

}  // namespace

std::int64_t RowBytes(const Event& e) {
  const std::size_t place = e.source.size() + e.repository.size();
  const std::size_t texts =
      place + e.details.size() + e.media_type.size() + e.tag.size() + e.actor.size() + e.id.size() + e.digest.size();
  const std::size_t index = e.tag.empty() ? place : 2 * place + e.tag.size() + kTagEntryBytes;
  const std::size_t retrial = e.retrial ? kRetrialBytes + kSeqBytes * e.retrial->seqs.size() : 0;
  return kFixedRowBytes + static_cast<std::int64_t>(texts + index + index / 4 + retrial);
}

std::int64_t SumAtHead(Connection& connection) {
  Seq head = 0;
  {
    Query query(connection, kLogHead);
    if (query.Step()) head = query.Int(0);
  }
  const Sum last = ReadSum(connection, kLastSum, std::numeric_limits<Seq>::max()).value_or(Sum());
  return last.bytes + Stretch(connection, last.through, head);
}

void KeepSum(Connection& connection, const Event& event, std::int64_t sum) {
  const std::int64_t bytes = RowBytes(event);
  // So that the size of others is known without reading this one.
  if (bytes >= kLarge) Query(connection, kKeep, event.seq - 1, sum - bytes).Run();
  if (bytes >= kLarge || event.seq % kEvery == 0) Query(connection, kKeep, event.seq, sum).Run();
}

void ForgetSums(Connection& connection, Seq after, Seq through) { Query(connection, kForget, after, through).Run(); }

std::int64_t BytesBetween(Connection& connection, Seq after, Seq through) {
  const std::optional<Sum> first = ReadSum(connection, kFirstSum, after);
  if (!first || first->through > through) return Stretch(connection, after, through);
  const Sum last = ReadSum(connection, kLastSum, through).value_or(*first);
  return Stretch(connection, after, first->through) + last.bytes - first->bytes +
         Stretch(connection, last.through, through);
}

// By the sums alone up to the last that does not reach it; then each row is read at most once.
Seq ReachBytes(Connection& connection, Seq after, Seq through, std::int64_t bytes) {
  const std::optional<Sum> first = ReadSum(connection, kFirstSum, after);
  if (!first || first->through > through) return ReachIn(connection, after, through, bytes);
  const std::int64_t before = Stretch(connection, after, first->through);
  if (before >= bytes) return ReachIn(connection, after, first->through, bytes);
  const std::int64_t wanted = first->bytes + bytes - before;  // of the sum
  Sum last = *first;
  Seq low = first->through, high = through + 1;
  while (high - low > 1) {
    const Seq middle = low + (high - low) / 2;
    const Sum sum = ReadSum(connection, kLastSum, middle).value_or(last);
    if (sum.bytes < wanted) {
      last = sum;
      low = middle;
    } else {
      high = sum.through;
    }
  }
  return ReachIn(connection, last.through, std::min(high, through), wanted - last.bytes);
}

}  // namespace portcall::store
