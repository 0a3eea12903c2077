#include "store/attempts.h"

#include <algorithm>
#include <iterator>

#include "store/sqlite/record.h"
#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kAttempts(
    "SELECT seq,at,events,attempt,delivered,status,latency_us,error FROM attempts WHERE cursor=? AND seq=?"
    " ORDER BY id LIMIT ?");
const Sql kRecord(
    "INSERT INTO attempts (cursor,seq,at,events,attempt,delivered,status,latency_us,error) VALUES (?,?,?,?,?,?,?,?,?)");
const Sql kGrow("UPDATE attempts_size SET bytes=bytes+? WHERE id=1");
const Sql kSize("SELECT bytes FROM attempts_size WHERE id=1");
const Sql kNewest("SELECT max(id) FROM attempts");
const Sql kOldest("SELECT id,length(CAST(error AS BLOB)) FROM attempts ORDER BY id LIMIT ?");
// Looks at no more than the oldest `limit`: the rest is younger.
const Sql kTrim(
    "DELETE FROM attempts WHERE id IN (SELECT id FROM (SELECT id,at FROM attempts ORDER BY id LIMIT ?)"
    " WHERE id<? OR at<?) RETURNING length(CAST(error AS BLOB))");

constexpr std::int64_t kFixedBytes = 80;  // numbers, index, page overhead; the migration that added them up knows it

std::int64_t SizeOfAttempts(Connection& connection) {
  Query query(connection, kSize);
  return query.Step() ? query.Int(0) : 0;
}

void Grow(Connection& connection, std::int64_t bytes) {
  if (bytes != 0) Query(connection, kGrow, bytes).Run();
}

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

void Record(Connection& connection, std::int64_t cursor, const std::vector<AttemptRow>& attempts) {
  std::int64_t bytes = 0;
  for (const AttemptRow& a : attempts) {
    Query(connection, kRecord, cursor, a.seq, a.at, a.events, a.attempt, a.delivered, a.status, a.latency_us, a.error)
        .Run();
    bytes += kFixedBytes + std::ssize(a.error);
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
