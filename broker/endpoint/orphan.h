#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "broker/status.h"
#include "broker/tail/catch_up_reader.h"
#include "runtime/metrics.h"
#include "store/cursors.h"
#include "store/event_log.h"

namespace portcall::broker {

// What a start reads of the log for one cursor: it must not search all of it.
inline constexpr store::Limit kGlance{256, 1 << 20};

// A cursor without an endpoint: what was pending when its entry was removed or disabled. It waits until it is dropped.
struct Orphan {
  store::Cursor cursor;
  std::int64_t parked = 0, dead_letters = 0;
  store::Seq needs_after = 0;  // of the log, up to cursor.through
  std::optional<std::int64_t>
      oldest_recorded;  // of the first event that it still wants, if there is one and it is known

  const std::string& name() const { return cursor.endpoint; }
  bool finished() const { return needs_after >= cursor.through; }
  // An estimate: what came between its end and its removal was never counted.
  std::int64_t pending() const {
    const std::int64_t known = oldest_recorded ? 1 : 0;
    return finished() ? 0 : std::max(known, cursor.matched - cursor.settled);
  }
  EndpointStatus Status(std::int64_t wall_now) const;
  // Its first events, which the endpoint did not want, are to be stored as passed: until then the log keeps them.
  std::optional<store::Settlement> passing;
};

Orphan LoadOrphan(store::Snapshot& snapshot, const store::Cursor& cursor);
Result<void> StorePassing(store::Tx& tx, const std::vector<Orphan>& orphans);

// The result of letting events up to `through` expire (docs/delivery.md §1): the orphan as it is then, and how many
// expired. The filter that decides is the one that the cursor was counted with.
struct ExpiredOrphan {
  Orphan orphan;
  store::Seq from = 0, through = 0;
  std::int64_t events = 0;
};
Task<Result<ExpiredOrphan>> ExpireOrphan(store::Store& store, CatchUpReader& reader, Orphan orphan, store::Seq through,
                                         std::int64_t wall_now, const bool& stopping);

// Keeps what orphans leave pending in sight of alarms: the series of the endpoint they had, unless one of that name
// lives, and portcall_notifications_orphaned_* in any case. Names that are no longer orphans go to 0.
class OrphanMetrics {
 public:
  explicit OrphanMetrics(runtime::Metrics& metrics) : metrics_(metrics) {}
  void Show(const std::vector<Orphan>& orphans, const std::vector<std::string>& live, std::int64_t wall_now);
  void Lost(const std::string& endpoint, std::int64_t events);

 private:
  runtime::Metrics& metrics_;
  std::vector<std::string> shown_;
};

}  // namespace portcall::broker
