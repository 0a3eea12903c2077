#include "broker/retention.h"

#include <chrono>
#include <exception>
#include <filesystem>

#include "broker/moment.h"
#include "store/cursors.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kChunk = 500;  // events or rows: a few milliseconds of the writer
constexpr std::int64_t kDay = 24ll * 3'600 * kSecond;
constexpr std::int64_t kAttemptRows = 1'000'000;
constexpr std::int64_t kDeadBytes = 1ll << 30;

}  // namespace

void Retention::Configure(const config::Config& config) {
  keep_ns_ = std::chrono::nanoseconds(config.events.keep).count();
  on_full_ = config.events.on_full;
  max_bytes_ = config.events.max_bytes;
  if (max_bytes_ != 0) return;
  std::error_code ignored;
  const auto space = std::filesystem::space(config.storage.root_directory, ignored);
  if (!ignored) max_bytes_ = space.capacity / 5;
}

Task<> Retention::Sweep(const bool& stopping) {
  const std::int64_t now = clock_.Now().time_since_epoch().count();
  co_await DeleteAll(unneeded_(), now - keep_ns_, stopping);
  if (!stopping) co_await Trim(now);
  if (!stopping && max_bytes_ != 0) co_await WatchSize(stopping);
}

Task<bool> Retention::DeleteChunk(store::Seq through, std::int64_t before) {
  auto job = [through, before](store::Tx& tx) -> Result<std::size_t> {
    return store::DeleteEvents(tx, through, before, kChunk);
  };
  const Result<std::size_t> deleted = co_await store_.Write(job, store::Priority::kBackground);
  co_return deleted && *deleted == kChunk;
}

Task<> Retention::DeleteAll(store::Seq through, std::int64_t before, const bool& stopping) {
  while (!stopping && co_await DeleteChunk(through, before)) {
  }
}

Task<> Retention::Trim(std::int64_t now) {
  auto job = [now](store::Tx& tx) -> Result<std::size_t> {
    return store::TrimHistory(tx, now - 7 * kDay, kAttemptRows, now - 30 * kDay, kDeadBytes, kChunk);
  };
  (void)co_await store_.Write(job, store::Priority::kBackground);
}

Task<std::int64_t> Retention::Bytes() {
  auto query = [](store::Snapshot& s) -> Result<std::int64_t> { return store::SizeOf(s).bytes; };
  try {
    const Result<std::int64_t> bytes = co_await store_.Read(query);
    if (bytes) co_return *bytes;
  } catch (const std::exception& e) {
    log_.Error("the event log's size could not be read", {{"error", e.what()}});
  }
  co_return 0;
}

// Kept history goes first; what is still needed stays, and an alarm says so.
Task<> Retention::WatchSize(const bool& stopping) {
  const auto limit = static_cast<std::int64_t>(max_bytes_);
  std::int64_t bytes = co_await Bytes();
  while (bytes > limit && !stopping && co_await DeleteChunk(unneeded_(), INT64_MAX)) bytes = co_await Bytes();
  const bool high = bytes > limit / 5 * 4;
  if (high && !alarmed_) {
    log_.Error("the event log has reached 80 % of events.maxsize with events that endpoints still wait for",
               {{"bytes", std::to_string(bytes)}, {"maxsize", std::to_string(limit)}});
  }
  alarmed_ = high;
  full_.store(on_full_ == config::OnFull::kRefuse && bytes >= limit, std::memory_order_relaxed);
}

}  // namespace portcall::broker
