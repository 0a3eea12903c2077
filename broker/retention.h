#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "store/event_log.h"
#include "store/store.h"

namespace portcall::broker {

// Keeps the log in its bounds (docs/delivery.md §1): deletes events `events.keep` after every endpoint has passed them,
// but for what removed endpoints have left pending, in small chunks behind everything else; trims attempts and dead
// letters; watches `events.maxsize`. Lives on the broker's loop, except that full() is callable from any thread.
class Retention {
 public:
  struct Cursors {
    std::function<store::Seq()> passed;                   // the last event that no endpoint needs any more
    std::function<std::vector<store::SeqRange>()> kept;   // what removed endpoints still need; sorted and disjoint
    std::function<Task<>(store::Seq)> expire;             // expires what is unsettled up to there
    std::function<Task<>(store::Seq)> expire_of_removed;  // the same, of removed endpoints alone
  };
  Retention(store::Store& store, runtime::Log& log, const runtime::Clock& clock, Cursors cursors)
      : store_(store), log_(log), clock_(clock), cursors_(std::move(cursors)) {}

  void Configure(const config::Config& config);
  // One round: what can go now. Stops between chunks when `stopping` says so.
  Task<> Sweep(const bool& stopping);
  // events.onfull is `refuse` and endpoints hold the log at events.maxsize.
  bool full() const { return full_.load(std::memory_order_relaxed); }

 private:
  Task<store::Seq> PassedLongAgo(std::int64_t now);
  Task<bool> DeleteChunk(store::Seq through);
  Task<> DeleteAll(store::Seq through, const bool& stopping);
  Task<> Trim(std::int64_t now, const bool& stopping);
  Task<> WatchSize(const bool& stopping);
  Task<> Expire(store::LogSize size);
  Task<store::LogSize> DeleteHistory(const bool& stopping);
  Task<store::LogSize> Size();
  bool IsHigh(const store::LogSize& size) const { return size.bytes > max_bytes_ / 5 * 4; }

  store::Store& store_;
  runtime::Log& log_;
  const runtime::Clock& clock_;
  const Cursors cursors_;
  bool audited_ = false;
  std::int64_t keep_ns_ = 0, max_bytes_ = 0;
  store::Seq marked_ = 0;  // what the newest mark says
  std::int64_t marked_at_ = 0;
  config::OnFull on_full_ = config::OnFull::kExpire;
  bool alarmed_ = false;
  std::atomic<bool> full_ = false;
};

}  // namespace portcall::broker
