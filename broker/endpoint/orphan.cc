#include "broker/endpoint/orphan.h"

#include <utility>

#include "broker/core/expiry.h"
#include "broker/endpoint/expiring.h"

namespace portcall::broker {
namespace {

Orphan LoadOrphan(store::Snapshot& snapshot, store::Cursor cursor) {
  Orphan orphan;
  orphan.needs_after = cursor.settled_through;
  orphan.dead_letters = store::CountDead(snapshot, cursor.endpoint);
  const std::vector<store::ParkedLane> rows = store::LoadParked(snapshot, cursor.id);
  orphan.parked = static_cast<std::int64_t>(rows.size());
  for (const store::ParkedLane& row : rows) orphan.needs_after = std::min(orphan.needs_after, row.next_seq - 1);
  orphan.cursor = std::move(cursor);
  return orphan;
}

// What is to be stored is what the orphan is from now on.
void Follow(Orphan& orphan, store::Settlement& settlement) {
  settlement.number = orphan.cursor.settlements + 1;
  store::Apply(settlement, orphan.cursor);
}

}  // namespace

std::vector<Orphan> LoadOrphans(store::Snapshot& snapshot, std::span<const std::int64_t> run) {
  std::vector<Orphan> orphans;
  for (store::Cursor& cursor : store::LoadCursors(snapshot)) {
    const bool live = cursor.kind == store::CursorKind::kLive && std::ranges::find(run, cursor.id) == run.end();
    if (live || cursor.kind == store::CursorKind::kRemoved) {
      orphans.push_back(LoadOrphan(snapshot, std::move(cursor)));
    }
  }
  return orphans;
}

// Passing is an expiry of nothing, so that both agree on what is settled.
std::optional<store::Settlement> PassOver(Orphan& orphan, std::vector<store::ParkedLane>& rows,
                                          std::span<const store::EventPtr> page, store::Seq through,
                                          std::int64_t wall_now) {
  const Filter filter(orphan.cursor.fingerprint, orphan.cursor.id);
  store::Seq end = through;
  Expiry all(orphan.cursor, rows, filter, through);
  for (const store::EventPtr& event : page) {
    if (!all.Take(*event)) continue;
    orphan.oldest_recorded = event->recorded_at;
    end = event->seq - 1;
    break;
  }
  if (end <= orphan.needs_after) return std::nullopt;
  Expiry passed(orphan.cursor, std::move(rows), filter, end);
  for (const store::EventPtr& event : page) passed.Take(*event);
  store::Settlement settlement = passed.Finish(wall_now);
  rows = passed.RowsAfter(settlement);
  Follow(orphan, settlement);
  orphan.parked = static_cast<std::int64_t>(rows.size());
  orphan.needs_after = passed.through();
  return settlement;
}

Result<void> PassFirstPage(store::Tx& tx, Orphan& orphan) {
  store::Snapshot& snapshot = store::ReadIn(tx);
  const store::Seq end = orphan.cursor.through;
  if (orphan.needs_after >= end) return {};
  const store::Portion page = store::ReadEvents(snapshot, orphan.needs_after, end, kGlance);
  std::vector<store::ParkedLane> rows = store::LoadParked(snapshot, orphan.cursor.id);
  const auto passed = PassOver(orphan, rows, page.events, page.through, 0);  // its lanes are never due
  return passed ? store::Settle(tx, *passed) : Result<void>();
}

store::Settlement CountPage(Orphan& orphan, std::span<const store::EventPtr> page, store::Seq through) {
  const store::Cursor& cursor = orphan.cursor;
  const Filter filter(cursor.fingerprint, cursor.id);
  store::Settlement settlement;
  settlement.cursor = cursor.id;
  settlement.settled_through = cursor.settled_through;
  settlement.through = through;
  settlement.matched = cursor.matched + std::ranges::count_if(page, [&](const store::EventPtr& event) {
                         return event->seq > cursor.through && event->seq <= through && filter.Wants(*event);
                       });
  settlement.settled = cursor.settled;
  settlement.pace = cursor.pace;
  Follow(orphan, settlement);
  return settlement;
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
  Expiry expiry(orphan.cursor, std::move(*rows), Filter(orphan.cursor.fingerprint, orphan.cursor.id), through);
  if (auto read = co_await ReadExpiring(reader, expiry.through(), expiry, stopping); !read) co_return read.error();
  store::Settlement settlement = expiry.Finish(wall_now);
  Follow(orphan, settlement);
  auto job = [&settlement](store::Tx& tx) { return store::Settle(tx, settlement); };
  if (auto written = co_await store.Write(job, store::Priority::kSettlement); !written) co_return written.error();
  auto reload = [&orphan](store::Snapshot& s) -> Result<Orphan> { return LoadOrphan(s, orphan.cursor); };
  auto loaded = co_await store.Read(reload);
  if (!loaded) co_return loaded.error();
  co_return ExpiredOrphan{std::move(*loaded), expiry.first(), expiry.through(), expiry.expired()};
}

}  // namespace portcall::broker
