#pragma once

#include <optional>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/surroundings.h"
#include "broker/endpoint/tasks.h"

namespace portcall::broker {

// Brings one endpoint's core the events that it wants to see: from the ring, from the log's pages where the ring does
// not reach back, and of parked lanes. Keeps one page and one portion of the ring at most. Lives on the broker's loop;
// all that it is given must outlive it, and the gate must be empty before it is destroyed. At shutdown it is asked no
// more; reads that have not begun are called off, the others end by themselves.
class Feeder {
 public:
  // `oldest_recorded`: of the first wanted event after the core's scan, if it is known.
  Feeder(const Surroundings& around, const config::Endpoint& endpoint, EndpointCore& core, Tasks tasks,
         std::optional<std::int64_t> oldest_recorded);

  // As much as the core takes and is at hand; what is not is read by tasks: one page at a time, and the lanes that the
  // core asks for.
  void Feed(Moment now);
  void ReadLanes(Moment now);
  std::optional<Ticks> retry() const { return retry_; }  // the last read that failed is not repeated before this time

  // Every half second. `look`: may start a task that looks for the oldest pending event, for a core that does not read
  // on.
  void Tick(bool look);
  // Wall time of the oldest pending event, if there is one and it is known.
  std::optional<std::int64_t> OldestRecorded() const;

  void Reloaded();  // the core's cursor was changed: what was read for it is of no use
  bool quiet() const { return !reading_ && !finding_oldest_; }  // of lanes being read the core knows

 private:
  bool MayRead(Moment now) const { return !retry_ || now.ticks >= *retry_; }
  bool LookedFrom(store::Seq after) const { return oldest_ && oldest_->after == after; }
  bool FeedFromPage(Moment now);
  bool FeedFromRing(Moment now);
  void Failed(const char* what, const std::string& why);
  Task<> ReadPage();
  Task<> ReadLane(LaneRead read);
  Task<> FindOldest();
  Moment Now() const;

  const Surroundings around_;
  const config::Endpoint& endpoint_;
  EndpointCore& core_;
  const Tasks tasks_;

  CatchUpReader::Chunk page_;
  std::size_t page_at_ = 0;
  bool page_used_ = false;  // since the last tick
  std::vector<store::EventPtr> buffer_;
  bool reading_ = false;
  std::optional<Ticks> retry_;

  struct Oldest {
    store::Seq after = 0;                       // it was looked for behind this place in the log
    std::optional<std::int64_t> recorded = {};  // of the first wanted event there, unless the page has none
  };
  std::optional<Oldest> oldest_;
  bool finding_oldest_ = false;
};

}  // namespace portcall::broker
