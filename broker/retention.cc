#include "broker/retention.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <limits>
#include <map>
#include <string>

#include "broker/core/moment.h"
#include "store/attempts.h"
#include "store/dead_letters.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr store::Limit kChunk{500, 8UL << 20};  // events or dead letters: a few milliseconds of the writer
constexpr std::size_t kAttemptsChunk = 1'000;   // they are smaller
// Of deleting, between two looks at the size.
constexpr std::size_t kRounds = 64;
constexpr std::chrono::seconds kUnseen(1);
constexpr std::int64_t kDay = 24ll * 3'600 * kSecond;
constexpr std::int64_t kAttemptRows = 1'000'000;
// What expired for the bound's sake must not be forgotten for it at once.
constexpr std::int64_t kLeastDeadBytes = 4ll << 10;
// Of events.maxsize; the log has the rest.
constexpr std::int64_t kDeadBytes = 1ll << 30, kDeadPercent = 20, kAttemptsPercent = 10;
// What expires at a time is read first, and the endpoint stands still meanwhile.
constexpr std::int64_t kExpiredAtOnce = 128ll << 20;  // bytes

}  // namespace

void Retention::Configure(const config::Config& config) {
  audited_ = config.audits();
  keep_ns_ = std::chrono::nanoseconds(config.events.keep).count();
  on_full_ = config.events.on_full;
  max_bytes_ = static_cast<std::int64_t>(config.events.max_bytes);
  if (max_bytes_ == 0) MeasureVolume(config);
  const bool bounded = max_bytes_ != 0;
  most_dead_ = bounded ? std::min(kDeadBytes, max_bytes_ / 100 * kDeadPercent) : kDeadBytes;
  most_attempts_ = bounded ? max_bytes_ / 100 * kAttemptsPercent : std::numeric_limits<std::int64_t>::max();
}

void Retention::MeasureVolume(const config::Config& config) {
  const config::StorageConfig& storage = config.storage;
  std::filesystem::path folder = storage.root_directory;
  if (!storage.database.empty()) folder = std::filesystem::path(storage.database).parent_path();
  std::error_code ec;
  const auto volume = std::filesystem::space(folder, ec);
  if (!ec) max_bytes_ = static_cast<std::int64_t>(volume.capacity / 100) * config.events.max_percent;
  if (ec) log_.Error("the volume's size is unknown, so the event log has no bound", {{"error", ec.message()}});
}

Task<> Retention::Look() {
  const std::optional<Used> used = co_await Measure();
  if (!used || max_bytes_ == 0) co_return;
  bytes_ = used->log.held_bytes + used->others;
  full_.store(FullWith(0), std::memory_order_relaxed);
}

Task<> Retention::Sweep(const bool& stopping) {
  const std::int64_t now = clock_.Now().time_since_epoch().count();
  // Whoever makes rows faster than they go must not keep the size from being looked at.
  for (bool more = true; more && !stopping;) {
    more = co_await DeleteAged(now, stopping);
    if (!stopping && max_bytes_ != 0) co_await WatchSize(stopping);
  }
}

// True: there may be more.
Task<bool> Retention::DeleteAged(std::int64_t now, const bool& stopping) {
  const store::Priority priority =
      max_bytes_ != 0 && bytes_ > high() ? store::Priority::kSettlement : store::Priority::kBackground;
  const auto until = clock_.Ticks() + kUnseen;
  bool more = true;
  for (std::size_t round = 0; more && !stopping && round < kRounds && clock_.Ticks() < until; ++round) {
    const store::Forgotten gone = co_await DeleteChunk({now, keep_ns_}, priority);
    more = co_await TrimChunk(now, priority) || gone.more;
  }
  co_return more;
}

Task<store::Forgotten> Retention::DeleteChunk(store::Retain retain, store::Priority priority) {
  auto job = [retain](store::Tx& tx) -> Result<store::Forgotten> { return store::DeleteUnneeded(tx, retain, kChunk); };
  const Result<store::Forgotten> gone = co_await store_.Write(job, priority);
  co_return gone ? *gone : store::Forgotten();
}

// True: there may be more.
Task<bool> Retention::TrimChunk(std::int64_t now, store::Priority priority) {
  auto job = [now, audited = audited_, most_attempts = most_attempts_,
              most_dead = std::max(most_dead_, kLeastDeadBytes)](store::Tx& tx) -> Result<store::TrimmedDead> {
    const std::size_t attempts = store::TrimAttempts(tx, now - 7 * kDay, kAttemptRows, most_attempts, kAttemptsChunk);
    store::TrimmedDead trimmed = store::TrimDead(tx, now - 30 * kDay, most_dead, kChunk);
    std::size_t dead = 0;
    for (const auto& [endpoint, rows] : trimmed.rows) dead += rows;
    if (audited && dead > 0) {
      const std::string note = std::to_string(dead) +
                               " dead letters dropped: older than 30 days, or the oldest beyond " +
                               std::to_string(most_dead) + " bytes";
      store::Append(tx, store::SystemEvent(store::Action::kDrop, note));
    }
    trimmed.more = trimmed.more || attempts == kAttemptsChunk;
    return trimmed;
  };
  const Result<store::TrimmedDead> trimmed = co_await store_.Write(job, priority);
  if (!trimmed) co_return false;
  for (const auto& [endpoint, rows] : trimmed->rows) calls_.dead_trimmed(endpoint, rows);
  co_return trimmed->more;
}

template <class F>
Task<std::optional<std::invoke_result_t<F, store::Snapshot&>>> Retention::Read(F query) {
  using T = std::invoke_result_t<F, store::Snapshot&>;
  std::string error;
  try {
    const Result<T> read = co_await store_.Read([&query](store::Snapshot& s) -> Result<T> { return query(s); });
    if (read) co_return *read;
    error = read.error().detail;
  } catch (const std::exception& e) {
    error = e.what();
  }
  log_.Error("the event log's size could not be read", {{"error", error}});
  co_return std::nullopt;
}

// What is beyond its own share is about to be trimmed: no event gives way to it.
Task<std::optional<Retention::Used>> Retention::Measure() {
  auto query = [most_attempts = most_attempts_, most_dead = most_dead_](store::Snapshot& s) {
    return Used{store::SizeOf(s),
                std::min(store::BytesOfDead(s), most_dead) + std::min(store::BytesOfAttempts(s), most_attempts)};
  };
  return Read(query);
}

// Deletes what nobody needs, whatever its age, until all fits or what is left of the log is needed. Not behind other
// work: it keeps pace with what makes the log grow by a chunk in each commit.
Task<std::optional<Retention::Used>> Retention::DeleteHistory(const bool& stopping) {
  std::optional<Used> used = co_await Measure();
  for (bool more = true; more && used && IsHigh(*used) && !stopping; used = co_await Measure()) {
    std::int64_t beyond = used->total() - high();
    for (std::size_t round = 0; more && beyond > 0 && round < kRounds && !stopping; ++round) {
      const store::Forgotten gone = co_await DeleteChunk({}, store::Priority::kSettlement);
      beyond -= gone.bytes;
      more = gone.more;
    }
  }
  co_return used;
}

// Expires a little more than it must, so that the next events do not fill the log again at once.
Task<> Retention::ExpireOldest(const Used& used) {
  const std::int64_t excess = std::min(used.total() - max_bytes_ / 100 * 95, kExpiredAtOnce);
  const auto through = co_await Read([excess](store::Snapshot& s) { return store::ReachOldest(s, excess); });
  if (!through) co_return;
  if (on_full_ == config::OnFull::kExpire) co_return co_await calls_.expire_all(*through);
  // An event that an endpoint needs as well stays in the log: expiring it for a removed one would free no space.
  co_await calls_.expire_removed(std::min(*through, used.log.passed));
}

// While the size cannot be read, what was last known of it stays true.
Task<> Retention::WatchSize(const bool& stopping) {
  std::optional<Used> used = co_await DeleteHistory(stopping);
  // Again where more must expire than may at once, as long as the log's front moves.
  for (store::Seq first = 0; used && used->total() >= max_bytes_ && used->log.first > first && !stopping;) {
    first = used->log.first;
    co_await ExpireOldest(*used);
    used = co_await DeleteHistory(stopping);
  }
  if (!used) co_return;
  bytes_ = used->total();
  const bool high = IsHigh(*used);
  if (high && !alarmed_) {
    log_.Error("the event log has reached 80 % of events.maxsize with undelivered events",
               {{"bytes", std::to_string(used->total())}, {"maxsize", std::to_string(max_bytes_)}});
  }
  alarmed_ = high;
  full_.store(FullWith(0), std::memory_order_relaxed);
}

}  // namespace portcall::broker
