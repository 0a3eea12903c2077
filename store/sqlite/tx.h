#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/clock.h"
#include "store/event.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/holder.h"
#include "store/sqlite/sums.h"

namespace portcall::store {

// A connection inside a transaction.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection) : connection_(connection) {}
  Connection& connection() { return connection_; }

 private:
  Connection& connection_;
};

// The writer's connection and what the current group has appended. Lives as long as the writer; jobs borrow it.
class Tx {
 public:
  Tx(Connection& connection, const runtime::Clock& clock, std::int64_t last_recorded)
      : snapshot_(connection),
        clock_(clock),
        holder_(TakeCursors(connection)),
        last_recorded_(last_recorded),
        log_sum_(SumAtHead(connection)) {}

  Connection& connection() { return snapshot_.connection(); }
  Snapshot& snapshot() { return snapshot_; }
  std::int64_t holder() const { return holder_; }  // the token on cursors that this process may settle
  // Never less than the last one given, even when the clock jumps back.
  std::int64_t RecordNow() {
    last_recorded_ = std::max<std::int64_t>(last_recorded_, clock_.Now().time_since_epoch().count());
    return last_recorded_;
  }
  void Appended(EventPtr event) {
    const std::int64_t sum = log_sum_ + RowBytes(*event);
    KeepSum(connection(), *event, sum);
    log_sum_ = sum;
    bytes_ += BytesOf(*event);
    appended_.push_back(std::move(event));
  }
  const std::vector<EventPtr>& appended() const { return appended_; }
  std::size_t appended_bytes() const { return bytes_; }
  void Undo(std::size_t from) {  // those after the first `from` were taken back
    for (std::size_t i = from; i < appended_.size(); ++i) {
      bytes_ -= BytesOf(*appended_[i]);
      log_sum_ -= RowBytes(*appended_[i]);
    }
    appended_.resize(from);
  }
  void Begin() {  // another group
    bytes_ = 0;
    appended_.clear();
  }

 private:
  Snapshot snapshot_;
  const runtime::Clock& clock_;
  const std::int64_t holder_;
  std::int64_t last_recorded_;
  std::vector<EventPtr> appended_;
  std::size_t bytes_ = 0;
  std::int64_t log_sum_;  // through the last event
};

}  // namespace portcall::store
