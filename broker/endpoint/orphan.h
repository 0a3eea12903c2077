#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/tail/catch_up_reader.h"
#include "store/cursors.h"
#include "store/event_log.h"

namespace portcall::broker {

// What a start reads of the log for one cursor: it must not search all of it.
inline constexpr store::Limit kGlance{256, 1 << 20};

// A cursor that no runner moves. Of an endpoint that was removed or disabled: what was pending then waits until it
// expires, and the cursor goes when nothing of it is left. Or a live one: its endpoint stands still since a reload was
// refused, until the next reload or start.
struct Orphan {
  store::Cursor cursor;
  std::int64_t parked = 0, dead_letters = 0;
  store::Seq needs_after = 0;                   // of the log: of a removed one up to cursor.through
  std::optional<std::int64_t> oldest_recorded;  // of the first event that it still wants, once that is found

  const std::string& name() const { return cursor.endpoint; }
  bool stands_still() const { return cursor.kind == store::CursorKind::kLive; }
  bool finished() const { return !stands_still() && needs_after >= cursor.through; }
  // An estimate: what came between its end and its removal was never counted.
  std::int64_t pending() const {
    const std::int64_t known = oldest_recorded ? 1 : 0;
    return finished() ? 0 : std::max(known, cursor.matched - cursor.settled);
  }
};

// As stored: of the removed endpoints, and of live cursors other than `run`.
std::vector<Orphan> LoadOrphans(store::Snapshot& snapshot, std::span<const std::int64_t> run);

// Moves an orphan over what a page of the log holds that it does not want or has settled, from where its needs begin to
// `through`, and gives what is to be stored for that; nothing: it stays. `rows` are its lanes, and follow.
std::optional<store::Settlement> PassOver(Orphan& orphan, std::vector<store::ParkedLane>& rows,
                                          std::span<const store::EventPtr> page, store::Seq through,
                                          std::int64_t wall_now);
// The same of a removed one over the first page of its needs, stored: a start looks no further.
Result<void> PassFirstPage(store::Tx& tx, Orphan& orphan);

// Counts the events of a page, up to `through`, that an endpoint which stands still wants, and gives what is to be
// stored.
store::Settlement CountPage(Orphan& orphan, std::span<const store::EventPtr> page, store::Seq through);

// The result of letting events up to `through` expire (docs/delivery.md §1): the orphan as it is then, and how many
// expired. The filter that decides is the one that the cursor was counted with.
struct ExpiredOrphan {
  Orphan orphan;
  store::Seq from = 0, through = 0;
  std::int64_t events = 0;
};
Task<Result<ExpiredOrphan>> ExpireOrphan(store::Store& store, CatchUpReader& reader, Orphan orphan, store::Seq through,
                                         std::int64_t wall_now, const bool& stopping);

}  // namespace portcall::broker
