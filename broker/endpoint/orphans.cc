#include "broker/endpoint/orphans.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <utility>

#include "broker/endpoint/expiring.h"
#include "broker/read_clock.h"

namespace portcall::broker {
namespace {

constexpr int kPages = 32;  // of 1,024 events: so many are read, and written as passed, in one go

const char* const kStandsStill = "stands still after a refused reload: reload again or restart";

bool HasEnabled(const config::Config& config, const std::string& name) {
  return std::ranges::any_of(config.endpoints,
                             [&](const config::Endpoint& entry) { return entry.name == name && !entry.disabled; });
}

}  // namespace

void Orphans::Adopt(std::vector<Orphan> orphans) {
  orphans_ = std::move(orphans);
  for (const auto& [name, backlog] : Of(store::CursorKind::kRemoved)) {
    if (backlog.pending == 0) continue;
    around_.log.Warn("events are kept that were pending when their endpoint was removed or disabled",
                     {{"endpoint", name}, {"pending", std::to_string(backlog.pending)}});
  }
}

// What is known of an orphan that did not change is kept, so that its needs are not looked for again.
Task<bool> Orphans::Load(std::vector<std::int64_t> run) {
  auto load = [&run](store::Snapshot& s) -> Result<std::vector<Orphan>> { return LoadOrphans(s, run); };
  auto loaded = co_await around_.store.Read(load);
  if (!loaded) co_return false;
  for (Orphan& orphan : *loaded) {
    const auto known = std::ranges::find(orphans_, orphan.cursor.id, [](const Orphan& o) { return o.cursor.id; });
    if (known == orphans_.end() || known->needs_after != orphan.needs_after) continue;
    orphan.oldest_recorded = known->oldest_recorded;
  }
  orphans_ = std::move(*loaded);
  co_return true;
}

Task<> Orphans::Tidy(std::vector<std::int64_t> run, const bool& stopping) {
  if (!co_await Load(std::move(run))) co_return;
  pages_left_ = kPages;
  for (Orphan& orphan : orphans_) {
    co_await FindNeeds(orphan, stopping);
    if (orphan.stands_still()) co_await CountNew(orphan, stopping);
  }
  auto drop = [](store::Tx& tx) -> Result<std::size_t> { return store::DropFinished(tx); };
  if (ended_ && co_await around_.store.Write(drop, store::Priority::kBackground)) ended_ = false;
  std::erase_if(orphans_, [](const Orphan& orphan) { return orphan.finished(); });
}

store::Seq Orphans::EndOf(const Orphan& orphan) const {
  return orphan.stands_still() ? around_.ring.head() : orphan.cursor.through;
}

Task<> Orphans::FindNeeds(Orphan& orphan, const bool& stopping) {
  const store::Seq end = EndOf(orphan);
  if (orphan.oldest_recorded || orphan.needs_after >= end) co_return;
  auto load = [&orphan](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
    return store::LoadParked(s, orphan.cursor.id);
  };
  auto rows = co_await around_.store.Read(load);
  while (rows && !stopping && pages_left_ > 0 && !orphan.oldest_recorded && orphan.needs_after < end) {
    --pages_left_;
    auto chunk = co_await around_.reader.Read(orphan.needs_after, end, stopping);
    if (!chunk) co_return;
    Orphan moved = orphan;
    const auto passed = PassOver(moved, *rows, *chunk->events, chunk->through, Read(around_.clock).wall);
    if (passed && !co_await Store(*passed)) co_return;
    orphan = std::move(moved);
    ended_ = ended_ || orphan.finished();
  }
}

Task<> Orphans::CountNew(Orphan& orphan, const bool& stopping) {
  const store::Seq head = around_.ring.head();
  while (!stopping && pages_left_ > 0 && orphan.cursor.through < head) {
    --pages_left_;
    auto chunk = co_await around_.reader.Read(orphan.cursor.through, head, stopping);
    if (!chunk) co_return;
    Orphan counted = orphan;
    const store::Settlement settlement = CountPage(counted, *chunk->events, chunk->through);
    if (!co_await Store(settlement)) co_return;
    orphan = std::move(counted);
  }
}

Task<bool> Orphans::Store(const store::Settlement& settlement) {
  auto job = [&settlement](store::Tx& tx) { return store::Settle(tx, settlement); };
  const Result<void> written = co_await around_.store.Write(job, store::Priority::kBackground);
  co_return static_cast<bool>(written);
}

Task<> Orphans::Expire(store::Seq through, const bool& stopping) {
  pages_left_ = kPages;
  for (Orphan& orphan : orphans_) {
    if (stopping) co_return;
    if (orphan.finished() || orphan.needs_after >= through) continue;
    const std::int64_t now = Read(around_.clock).wall;
    auto expired = co_await ExpireOrphan(around_.store, around_.reader, orphan, through, now, stopping);
    if (!expired) {
      if (stopping) co_return;
      around_.log.Error("events of an endpoint that does not run could not expire",
                        {{"endpoint", orphan.name()}, {"error", expired.error().detail}});
      continue;
    }
    orphan = std::move(expired->orphan);
    ended_ = ended_ || orphan.finished();
    if (expired->events > 0) {
      EndpointMetrics(around_.metrics, orphan.name()).Lost(expired->events);
      TellExpired(around_.log, orphan.name(), expired->from, expired->through, expired->events);
    }
    co_await FindNeeds(orphan, stopping);
  }
}

void Orphans::Backlog::Add(const Orphan& orphan) {
  pending += orphan.pending();
  parked += orphan.parked;
  dead_letters = orphan.dead_letters;
  if (!orphan.oldest_recorded) return;
  oldest_recorded = std::min(oldest_recorded.value_or(*orphan.oldest_recorded), *orphan.oldest_recorded);
}

Orphans::Backlogs Orphans::Of(store::CursorKind kind) const {
  Backlogs backlogs;
  for (const Orphan& orphan : orphans_) {
    if (orphan.cursor.kind == kind && !orphan.finished()) backlogs[orphan.name()].Add(orphan);
  }
  return backlogs;
}

std::optional<std::chrono::nanoseconds> Orphans::AgeOf(const Backlog& backlog) const {
  if (!backlog.oldest_recorded) return std::nullopt;
  return AgeAt(Read(around_.clock).wall, *backlog.oldest_recorded);
}

// An endpoint that should run and does not keeps its last levels until its cursor has been read.
void Orphans::Show(const std::vector<std::string>& running, const config::Config& config) {
  const Backlogs removed = Of(store::CursorKind::kRemoved), still = Of(store::CursorKind::kLive);
  ShowRemoved(removed);
  Backlogs shown = still;
  for (const auto& [name, backlog] : removed) {
    if (!HasEnabled(config, name)) shown[name] = backlog;
  }
  for (const std::string& name : ran_) {
    if (!HasEnabled(config, name)) shown[name];
  }
  for (const auto& [name, metrics] : shown_) {
    if (!HasEnabled(config, name)) shown[name];
  }
  ran_ = {running.begin(), running.end()};
  for (const std::string& name : running) {
    shown.erase(name);
    shown_.erase(name);
  }
  for (const auto& [name, backlog] : shown) ShowLevels(name, backlog);
}

// Names that no longer have any go to 0.
void Orphans::ShowRemoved(const Backlogs& removed) {
  for (const auto& [name, backlog] : removed) removed_.insert(name);
  for (const std::string& name : removed_) {
    const auto found = removed.find(name);
    const Backlog backlog = found == removed.end() ? Backlog() : found->second;
    around_.metrics
        .Level("portcall_notifications_orphaned_pending",
               "Events kept for an endpoint that is no longer in the configuration", {{"endpoint", name}})
        .Set(static_cast<double>(backlog.pending));
    around_.metrics
        .Level("portcall_notifications_orphaned_oldest_pending_seconds",
               "The age of the oldest event kept for an endpoint that is no longer in the configuration",
               {{"endpoint", name}})
        .Set(EndpointMetrics::LevelOf(AgeOf(backlog)));
  }
}

void Orphans::ShowLevels(const std::string& name, const Backlog& backlog) {
  EndpointMetrics::Levels levels;
  levels.pending = backlog.pending;
  levels.parked = backlog.parked;
  levels.dead_letters = backlog.dead_letters;
  levels.oldest_pending = AgeOf(backlog);
  shown_.try_emplace(name, around_.metrics, name).first->second.Show(levels);
}

EndpointStatus Orphans::StatusOf(const std::string& name, const Backlog& backlog) const {
  EndpointStatus status;
  status.name = name;
  status.pending = backlog.pending;
  status.pending_is_estimate = true;
  status.oldest_pending = AgeOf(backlog);
  status.parked_lanes = backlog.parked;
  status.dead_letters = backlog.dead_letters;
  return status;
}

std::map<std::string, std::int64_t> Orphans::Left() const {
  std::map<std::string, std::int64_t> left;
  for (const auto& [name, backlog] : Of(store::CursorKind::kRemoved)) left[name] = backlog.pending;
  return left;
}

void Orphans::Forget(const std::string& name) {
  std::erase_if(orphans_, [&](const Orphan& orphan) { return orphan.name() == name && !orphan.stands_still(); });
}

void Orphans::AddTo(std::vector<EndpointStatus>& all, const config::Config& config) const {
  Backlogs still = Of(store::CursorKind::kLive);
  for (const config::Endpoint& entry : config.endpoints) {
    if (entry.disabled || std::ranges::find(all, entry.name, &EndpointStatus::name) != all.end()) continue;
    EndpointStatus& status = all.emplace_back(StatusOf(entry.name, still[entry.name]));
    status.type = entry.type();
    status.url = config::PlaceOf(entry);
    status.reason = kStandsStill;
    status.condition = Condition::kStuck;
  }
  for (const auto& [name, backlog] : Of(store::CursorKind::kRemoved)) {
    EndpointStatus status = StatusOf(name, backlog);
    status.orphaned = true;
    status.condition = Condition::kOrphaned;
    status.reason = "no longer in the configuration";
    if (HasEnabled(config, name)) {
      status.reason = "kept from before it was removed";
      status.dead_letters = 0;  // the endpoint shows them
    }
    all.push_back(std::move(status));
  }
}

}  // namespace portcall::broker
