#include "broker/endpoint/orphan.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <utility>

#include "broker/core/lane_key.h"
#include "broker/endpoint/endpoint_metrics.h"
#include "broker/endpoint/expiring.h"
#include "broker/read_clock.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

struct Backlog {
  std::int64_t pending = 0;
  std::optional<std::chrono::nanoseconds> oldest;
};

std::optional<std::chrono::nanoseconds> AgeOf(const Orphan& orphan, std::int64_t wall_now) {
  if (!orphan.oldest_recorded) return std::nullopt;
  return AgeAt(wall_now, *orphan.oldest_recorded);
}

// Skips events before the first one that the endpoint wanted. One page only: a start must not search the log.
void PassUnwanted(store::Snapshot& snapshot, Orphan& orphan) {
  const Filter filter(orphan.cursor.fingerprint);
  const store::Portion page = store::ReadEvents(snapshot, orphan.needs_after, orphan.cursor.through, kGlance);
  for (const store::EventPtr& event : page.events) {
    if (filter.Wants(*event)) {
      orphan.oldest_recorded = event->recorded_at;
      return;
    }
    orphan.needs_after = event->seq;
  }
  orphan.needs_after = std::max(orphan.needs_after, page.through);
}

// What brings the stored cursor and its lanes to where the orphan's needs begin.
store::Settlement PassingOf(const Orphan& orphan, const std::vector<store::ParkedLane>& lanes) {
  const store::Cursor& cursor = orphan.cursor;
  store::Settlement passing;
  passing.cursor = cursor.id;
  passing.number = cursor.settlements + 1;
  passing.settled_through = std::max(cursor.settled_through, orphan.needs_after);
  passing.through = cursor.through;
  passing.matched = cursor.matched;
  passing.settled = cursor.settled;
  for (store::ParkedLane lane : lanes) {
    if (lane.next_seq > orphan.needs_after) continue;
    const LaneKey::Kind kind = LaneKey::Parse(lane.lane).kind;
    const bool lasts = kind == LaneKey::Kind::kRepository || kind == LaneKey::Kind::kTag;
    if (!lasts || orphan.needs_after >= cursor.settled_through) {
      passing.unpark.push_back(std::move(lane.lane));
    } else {
      lane.next_seq = orphan.needs_after + 1;
      lane.attempts = 0;
      lane.age = 0;
      lane.recorded_at.reset();
      passing.park.push_back(std::move(lane));
    }
  }
  return passing;
}

}  // namespace

EndpointStatus Orphan::Status(std::int64_t wall_now) const {
  EndpointStatus status;
  status.name = name();
  status.orphaned = true;
  status.reason = "no longer in the configuration";
  status.pending = pending();
  status.pending_is_estimate = true;
  status.oldest_pending = AgeOf(*this, wall_now);
  status.parked_lanes = parked;
  status.dead_letters = dead_letters;
  return status;
}

Orphan LoadOrphan(store::Snapshot& snapshot, const store::Cursor& cursor) {
  Orphan orphan;
  orphan.cursor = cursor;
  orphan.needs_after = cursor.settled_through;
  orphan.dead_letters = store::CountDead(snapshot, cursor.endpoint);
  const std::vector<store::ParkedLane> lanes = store::LoadParked(snapshot, cursor.id);
  orphan.parked = static_cast<std::int64_t>(lanes.size());
  for (const store::ParkedLane& lane : lanes) orphan.needs_after = std::min(orphan.needs_after, lane.next_seq - 1);
  const store::Seq stored = orphan.needs_after;
  PassUnwanted(snapshot, orphan);
  if (orphan.needs_after > stored) {
    orphan.passing = PassingOf(orphan, lanes);
    orphan.cursor.settled_through = orphan.passing->settled_through;
    orphan.cursor.settlements = orphan.passing->number;
  }
  return orphan;
}

Result<void> StorePassing(store::Tx& tx, const std::vector<Orphan>& orphans) {
  for (const Orphan& orphan : orphans) {
    if (!orphan.passing) continue;
    if (auto passed = store::Settle(tx, *orphan.passing); !passed) return passed;
  }
  return {};
}

Task<Result<ExpiredOrphan>> ExpireOrphan(store::Store& store, CatchUpReader& reader, Orphan orphan, store::Seq through,
                                         std::int64_t wall_now, const bool& stopping) {
  // The cursor too: an earlier write of unknown outcome may have moved it.
  auto load = [&orphan](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
    for (store::Cursor& cursor : store::LoadCursors(s)) {
      if (cursor.id == orphan.cursor.id) orphan.cursor = std::move(cursor);
    }
    return store::LoadParked(s, orphan.cursor.id);
  };
  auto rows = co_await store.Read(load);
  if (!rows) co_return rows.error();
  Expiry expiry(orphan.cursor, std::move(*rows), Filter(orphan.cursor.fingerprint), through);
  if (auto read = co_await ReadExpiring(reader, expiry.through(), expiry, stopping); !read) co_return read.error();
  store::Settlement settlement = expiry.Finish(wall_now);
  settlement.number = orphan.cursor.settlements + 1;
  auto job = [&settlement](store::Tx& tx) { return store::Settle(tx, settlement); };
  if (auto written = co_await store.Write(job, store::Priority::kSettlement); !written) co_return written.error();
  orphan.cursor.settled_through = settlement.settled_through;
  orphan.cursor.through = settlement.through;
  orphan.cursor.matched = settlement.matched;
  orphan.cursor.settled = settlement.settled;
  orphan.cursor.settlements = settlement.number;
  auto reload = [&orphan](store::Snapshot& s) -> Result<Orphan> { return LoadOrphan(s, orphan.cursor); };
  auto loaded = co_await store.Read(reload);
  if (!loaded) co_return loaded.error();
  if (loaded->passing) {
    auto pass = [&loaded](store::Tx& tx) { return store::Settle(tx, *loaded->passing); };
    if (auto passed = co_await store.Write(pass, store::Priority::kSettlement); !passed) co_return passed.error();
  }
  co_return ExpiredOrphan{std::move(*loaded), expiry.first(), expiry.through(), expiry.expired()};
}

void OrphanMetrics::Show(const std::vector<Orphan>& orphans, const std::vector<std::string>& live,
                         std::int64_t wall_now) {
  std::map<std::string, Backlog> backlogs;
  for (const std::string& name : shown_) backlogs[name] = {};
  for (const Orphan& orphan : orphans) {
    Backlog& backlog = backlogs[orphan.name()];
    backlog.pending += orphan.pending();
    backlog.oldest = std::max(backlog.oldest, AgeOf(orphan, wall_now));
  }
  shown_.clear();
  for (const auto& [name, backlog] : backlogs) {
    shown_.push_back(name);
    metrics_
        .Level("portcall_notifications_orphaned_pending",
               "Events kept for an endpoint that is no longer in the configuration", {{"endpoint", name}})
        .Set(static_cast<double>(backlog.pending));
    metrics_
        .Level("portcall_notifications_orphaned_oldest_pending_seconds",
               "The age of the oldest event kept for an endpoint that is no longer in the configuration",
               {{"endpoint", name}})
        .Set(EndpointMetrics::LevelOf(backlog.oldest));
    if (std::ranges::find(live, name) == live.end()) {
      EndpointMetrics::ShowBacklog(metrics_, name, backlog.pending, backlog.oldest);
    }
  }
}

void OrphanMetrics::Lost(const std::string& endpoint, std::int64_t events) {
  EndpointMetrics(metrics_, endpoint).Lost(events);
}

}  // namespace portcall::broker
