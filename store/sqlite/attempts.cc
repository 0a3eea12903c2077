#include "store/attempts.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "store/sqlite/attempt_row.h"
#include "store/sqlite/record.h"
#include "store/sqlite/settled_codec.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kAttempts(
    "SELECT seq,at,events,attempt,delivered,status,latency_us,error FROM attempts WHERE cursor=? AND seq=?"
    " AND settled=x'' ORDER BY id DESC LIMIT ?");
// Rows for many, of one block, that begin no later than the event.
const Sql kForMany(
    "SELECT seq,at,events,attempt,delivered,status,latency_us,error,settled,id FROM attempts INDEXED BY "
    "attempts_settled"
    " WHERE cursor=? AND seq>=? AND seq<=? AND settled<>x'' ORDER BY seq DESC");
const Sql kRecord(
    "INSERT INTO attempts (cursor,seq,at,events,attempt,delivered,status,latency_us,error,settled)"
    " VALUES (?,?,?,?,?,?,?,?,?,?)");
const Sql kFirst("SELECT at FROM attempts ORDER BY id LIMIT 1");
const Sql kGrow("UPDATE attempts_size SET bytes=bytes+? WHERE id=1");
const Sql kSize("SELECT bytes FROM attempts_size WHERE id=1");
const Sql kNewest("SELECT max(id) FROM attempts");
const Sql kOldest("SELECT id,length(CAST(error AS BLOB))+length(settled) FROM attempts ORDER BY id LIMIT ?");
// Looks at no more than the oldest `limit`: the rest is younger.
const Sql kTrim(
    "DELETE FROM attempts WHERE id IN (SELECT id FROM (SELECT id,at FROM attempts ORDER BY id LIMIT ?)"
    " WHERE id<? OR at<?) RETURNING length(CAST(error AS BLOB))+length(settled)");

constexpr std::int64_t kFixedBytes = 80;  // numbers, index, page overhead; the migration that added them up knows it

std::int64_t SizeOfAttempts(Connection& connection) {
  Query query(connection, kSize);
  return query.Step() ? query.Int(0) : 0;
}

void Grow(Connection& connection, std::int64_t bytes) {
  if (bytes != 0) Query(connection, kGrow, bytes).Run();
}

constexpr Seq FirstOfBlock(Seq seq) { return BlockOf(seq) << kBlockBits; }

// Attempts get ascending ids and go from the lowest, so that counting them needs no scan. The first that stays.
std::int64_t FirstWithin(Connection& connection, std::int64_t rows, std::int64_t bytes, std::size_t limit) {
  std::int64_t first = 0;
  {
    Query newest(connection, kNewest);
    if (newest.Step()) first = newest.Int(0) - rows + 1;
  }
  std::int64_t excess = SizeOfAttempts(connection) - bytes;
  if (excess <= 0) return first;
  Query oldest(connection, kOldest, limit);
  while (excess > 0 && oldest.Step()) {
    excess -= kFixedBytes + oldest.Int(1);
    first = std::max(first, oldest.Int(0) + 1);
  }
  return first;
}

}  // namespace

Result<std::vector<AttemptRow>> ListAttempts(Snapshot& s, std::int64_t cursor, Seq seq, std::size_t limit) {
  Connection& connection = s.connection();
  std::vector<AttemptRow> rows;
  {
    Query query(connection, kAttempts, cursor, seq, limit);
    while (query.Step()) rows.push_back(ReadAttempt(query, 0));
  }
  Query query(connection, kForMany, cursor, FirstOfBlock(seq), seq);
  // An event is in one of them, or two where a crash had it sent again: the later one is looked at first.
  for (bool found_it = false; !found_it && query.Step();) {
    AttemptRow row = ReadAttempt(query, 0);
    const auto found = FindSettled(query.Text(8), {row.seq, row.at, 0}, seq);
    if (!found) return Error(Errc::kInternal, "row " + std::to_string(query.Int(9)) + " of attempts is damaged");
    if (!*found) continue;
    found_it = true;
    row.seq = seq;
    row.at = (*found)->at;
    row.latency_us = (*found)->latency_us;
    row.events = 1;
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, {}, [](const AttemptRow& row) { return std::pair(row.at, row.attempt); });
  if (rows.size() > limit) rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(limit));
  return rows;
}

std::int64_t OldestAttempt(Snapshot& s) {
  Query query(s.connection(), kFirst);
  return query.Step() ? query.Int(0) : 0;
}

void Record(Connection& connection, std::int64_t cursor, const std::vector<AttemptRow>& attempts) {
  std::int64_t bytes = 0;
  for (const AttemptRow& a : attempts) {
    const std::string settled = EncodeSettled(a.each);
    Query(connection, kRecord, cursor, a.seq, a.at, a.events, a.attempt, a.delivered, a.status, a.latency_us, a.error,
          Blob{settled})
        .Run();
    bytes += kFixedBytes + std::ssize(a.error) + std::ssize(settled);
  }
  Grow(connection, bytes);
}

std::int64_t BytesOfAttempts(Snapshot& s) { return SizeOfAttempts(s.connection()); }

std::size_t TrimAttempts(Tx& tx, std::int64_t before, std::int64_t rows, std::int64_t bytes, std::size_t limit) {
  Connection& connection = tx.connection();
  const std::int64_t first = FirstWithin(connection, rows, bytes, limit);
  std::size_t gone = 0;
  std::int64_t freed = 0;
  {
    Query trim(connection, kTrim, limit, first, before);
    for (; trim.Step(); ++gone) freed += kFixedBytes + trim.Int(0);
  }
  Grow(connection, -freed);
  return gone;
}

}  // namespace portcall::store
