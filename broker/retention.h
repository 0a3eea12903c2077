#pragma once

#include <atomic>
#include <functional>

#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "store/store.h"

namespace portcall::broker {

// Keeps the log within its bounds (DELIVERY.md §1): deletes events that every cursor has passed and that are older than
// `events.keep`, in small chunks behind everything else; trims attempts and dead letters; watches `events.maxsize`.
// Lives on the broker's loop, except that full() is callable from any thread.
class Retention {
 public:
  // `unneeded`: the last event that no cursor and no lane needs any more.
  Retention(store::Store& store, runtime::Log& log, const runtime::Clock& clock, std::function<store::Seq()> unneeded)
      : store_(store), log_(log), clock_(clock), unneeded_(std::move(unneeded)) {}

  void Configure(const config::Config& config);
  // One round: what can go now. Stops between chunks when `stopping` says so.
  Task<> Sweep(const bool& stopping);
  // events.onfull is `refuse` and the log has reached events.maxsize.
  bool full() const { return full_.load(std::memory_order_relaxed); }

 private:
  Task<bool> DeleteChunk(store::Seq through, std::int64_t before);
  Task<> DeleteAll(store::Seq through, std::int64_t before, const bool& stopping);
  Task<> Trim(std::int64_t now);
  Task<> WatchSize(const bool& stopping);
  Task<std::int64_t> Bytes();

  store::Store& store_;
  runtime::Log& log_;
  const runtime::Clock& clock_;
  std::function<store::Seq()> unneeded_;
  std::int64_t keep_ns_ = 0;
  std::uint64_t max_bytes_ = 0;
  config::OnFull on_full_ = config::OnFull::kExpire;
  bool alarmed_ = false;
  std::atomic<bool> full_ = false;
};

}  // namespace portcall::broker
