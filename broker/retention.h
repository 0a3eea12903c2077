#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <type_traits>

#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "store/retention.h"
#include "store/store.h"

namespace portcall::broker {

// Keeps the log within its bounds (docs/delivery.md §1): has the store delete what nobody needs `events.keep` after
// every endpoint has passed it, in small chunks behind everything else, or among it where the log is about to reach its
// bound; trims attempts and dead letters to their share of `events.maxsize`; watches that all of it stays within that.
// Lives on the broker's loop, except that full() is callable from any thread.
class Retention {
 public:
  struct Calls {
    std::function<Task<>(store::Seq)> expire_all, expire_removed;  // lets what is unsettled up to there expire
    std::function<void(const std::string& endpoint, std::size_t rows)> dead_trimmed;
  };
  Retention(store::Store& store, runtime::Log& log, const runtime::Clock& clock, Calls calls)
      : store_(store), log_(log), clock_(clock), calls_(std::move(calls)) {}

  void Configure(const config::Config& config);
  // Whether the log is full, before the first round: what a round would delete or let expire counts as gone.
  Task<> Look();
  // One round: what can go now. Stops between chunks when `stopping` says so.
  Task<> Sweep(const bool& stopping);
  // events.onfull is `refuse` and endpoints hold the log at events.maxsize.
  bool full() const { return full_.load(std::memory_order_relaxed); }
  std::int64_t max_bytes() const { return max_bytes_; }  // 0: the log has no bound
  // On the loop: whether the log is full once it has grown by so many bytes since the last round.
  bool FullWith(std::int64_t grown) const {
    return on_full_ == config::OnFull::kRefuse && max_bytes_ != 0 && bytes_ + grown >= max_bytes_;
  }

 private:
  struct Used {
    store::LogSize log;
    std::int64_t others = 0;  // bytes of attempts and dead letters
    std::int64_t total() const { return log.bytes + others; }
  };
  void MeasureVolume(const config::Config& config);
  Task<store::Forgotten> DeleteChunk(store::Retain retain, store::Priority priority);
  Task<bool> TrimChunk(std::int64_t now, store::Priority priority);
  Task<bool> DeleteAged(std::int64_t now, const bool& stopping);
  Task<> WatchSize(const bool& stopping);
  Task<> ExpireOldest(const Used& used);
  Task<std::optional<Used>> DeleteHistory(const bool& stopping);
  Task<std::optional<Used>> Measure();
  template <class F>
  Task<std::optional<std::invoke_result_t<F, store::Snapshot&>>> Read(F query);  // nullopt: it failed, and was logged
  std::int64_t high() const { return max_bytes_ / 5 * 4; }
  bool IsHigh(const Used& used) const { return used.total() > high(); }

  store::Store& store_;
  runtime::Log& log_;
  const runtime::Clock& clock_;
  const Calls calls_;
  bool audited_ = false;
  std::int64_t keep_ns_ = 0, max_bytes_ = 0, most_dead_ = 0, most_attempts_ = 0;
  std::int64_t bytes_ = 0;  // in all, as last seen
  config::OnFull on_full_ = config::OnFull::kExpire;
  bool alarmed_ = false;
  std::atomic<bool> full_ = false;
};

}  // namespace portcall::broker
