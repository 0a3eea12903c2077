#pragma once

#include "store/attempts.h"
#include "store/sqlite/statement.h"

namespace portcall::store {

// An attempt's columns stand in one order wherever they are read: seq, at, events, attempt, delivered, status,
// latency_us, error.
inline AttemptRow ReadAttempt(const Query& query, int first) {
  AttemptRow row;
  row.seq = query.Int(first);
  row.at = query.Int(first + 1);
  row.events = static_cast<std::int32_t>(query.Int(first + 2));
  row.attempt = static_cast<std::int32_t>(query.Int(first + 3));
  row.delivered = query.Int(first + 4) != 0;
  row.status = static_cast<std::int32_t>(query.Int(first + 5));
  row.latency_us = query.Int(first + 6);
  row.error = query.Text(first + 7);
  return row;
}

}  // namespace portcall::store
