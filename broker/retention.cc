#include "broker/retention.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>

#include "broker/core/moment.h"
#include "store/attempts.h"
#include "store/dead_letters.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kChunk = 500;  // events or rows: a few milliseconds of the writer
constexpr std::int64_t kDay = 24ll * 3'600 * kSecond;
constexpr std::int64_t kAttemptRows = 1'000'000;
constexpr std::int64_t kDeadBytes = 1ll << 30;
// What expires at a time is read first, and the endpoint stands still meanwhile.
constexpr std::int64_t kExpiredAtOnce = 128ll << 20;  // bytes

}  // namespace

void Retention::Configure(const config::Config& config) {
  audited_ = config.audits();
  keep_ns_ = std::chrono::nanoseconds(config.events.keep).count();
  on_full_ = config.events.on_full;
  max_bytes_ = static_cast<std::int64_t>(config.events.max_bytes);
  if (max_bytes_ != 0) return;
  const config::StorageConfig& storage = config.storage;
  std::filesystem::path folder = storage.root_directory;
  if (!storage.database.empty()) folder = std::filesystem::path(storage.database).parent_path();
  std::error_code ec;
  const auto volume = std::filesystem::space(folder, ec);
  if (!ec) max_bytes_ = static_cast<std::int64_t>(volume.capacity / 100) * config.events.max_percent;
  if (ec) log_.Error("the volume's size is unknown, so the event log has no bound", {{"error", ec.message()}});
}

Task<> Retention::Sweep(const bool& stopping) {
  const std::int64_t now = clock_.Now().time_since_epoch().count();
  while (!stopping && co_await DeleteChunk({now, keep_ns_})) {
  }
  if (!stopping) co_await Trim(now, stopping);
  if (!stopping && max_bytes_ != 0) co_await WatchSize(stopping);
}

// True: there may be more.
Task<bool> Retention::DeleteChunk(store::Retain retain) {
  auto job = [retain](store::Tx& tx) -> Result<std::size_t> { return store::DeleteUnneeded(tx, retain, kChunk); };
  const Result<std::size_t> deleted = co_await store_.Write(job, store::Priority::kBackground);
  co_return deleted && *deleted == kChunk;
}

// As fast as they are made, each by itself.
Task<> Retention::Trim(std::int64_t now, const bool& stopping) {
  auto job = [now, audited = audited_](store::Tx& tx) -> Result<bool> {
    const std::size_t attempts = store::TrimAttempts(tx, now - 7 * kDay, kAttemptRows, kChunk);
    const std::size_t dead = store::TrimDead(tx, now - 30 * kDay, kDeadBytes, kChunk);
    if (audited && dead > 0) {
      const std::string note =
          std::to_string(dead) + " dead letters dropped: older than 30 days, or the oldest beyond 1 GiB";
      store::Append(tx, store::SystemEvent(store::Action::kDrop, note));
    }
    return attempts == kChunk || dead == kChunk;
  };
  for (bool more = true; more && !stopping;) {
    const Result<bool> trimmed = co_await store_.Write(job, store::Priority::kBackground);
    more = trimmed && *trimmed;
  }
}

Task<store::LogSize> Retention::Size() {
  auto query = [](store::Snapshot& s) -> Result<store::LogSize> { return store::SizeOf(s); };
  try {
    const Result<store::LogSize> size = co_await store_.Read(query);
    if (size) co_return *size;
  } catch (const std::exception& e) {
    log_.Error("the event log's size could not be read", {{"error", e.what()}});
  }
  co_return store::LogSize{};
}

// Deletes what nobody needs, whatever its age, until the log fits or all that is left is needed.
Task<store::LogSize> Retention::DeleteHistory(const bool& stopping) {
  store::LogSize size = co_await Size();
  for (bool more = true; more && IsHigh(size) && !stopping; size = co_await Size()) {
    more = co_await DeleteChunk({});
  }
  co_return size;
}

// Expires a little more than it must, so that the next events do not fill the log again at once.
Task<> Retention::ExpireOldest(store::LogSize size) {
  const double share = 1 - 0.95 * static_cast<double>(max_bytes_) / static_cast<double>(size.bytes);
  const double most = static_cast<double>(kExpiredAtOnce) / static_cast<double>(size.bytes);
  const auto many = static_cast<store::Seq>(std::ceil(std::min(share, most) * static_cast<double>(size.events)));
  const store::Seq through = size.first - 1 + many;
  if (on_full_ == config::OnFull::kExpire) co_return co_await expire_.of_all(through);
  // An event that an endpoint needs as well stays in the log: expiring it for a removed one would free no space.
  co_await expire_.of_removed(std::min(through, size.passed));
}

Task<> Retention::WatchSize(const bool& stopping) {
  store::LogSize size = co_await DeleteHistory(stopping);
  // Repeats because of gaps: where the log begins next is known only once the events before a gap have gone.
  for (store::Seq first = 0; size.bytes >= max_bytes_ && size.first > first && !stopping;) {
    first = size.first;
    co_await ExpireOldest(size);
    size = co_await DeleteHistory(stopping);
  }
  bytes_ = size.bytes;
  const bool high = IsHigh(size);
  if (high && !alarmed_) {
    log_.Error("the event log has reached 80 % of events.maxsize with undelivered events",
               {{"bytes", std::to_string(size.bytes)}, {"maxsize", std::to_string(max_bytes_)}});
  }
  alarmed_ = high;
  full_.store(on_full_ == config::OnFull::kRefuse && size.bytes >= max_bytes_, std::memory_order_relaxed);
}

}  // namespace portcall::broker
