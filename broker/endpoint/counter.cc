#include "broker/endpoint/counter.h"

#include <exception>
#include <utility>

#include "broker/endpoint/retry.h"
#include "broker/read_clock.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kPortion = 256;  // events taken from the ring at a time

}  // namespace

Counter::Counter(const Surroundings& around, const config::Endpoint& endpoint, EndpointCore& core, Tasks tasks,
                 const Stage& stage, Calls calls)
    : around_(around),
      endpoint_(endpoint),
      core_(core),
      tasks_(std::move(tasks)),
      stage_(stage),
      calls_(std::move(calls)) {}

Moment Counter::Now() const { return Read(around_.clock); }

void Counter::Count(Moment now) {
  if (recounting_ || counting_) return;
  const store::Seq head = around_.ring.head();
  while (core_.counted() < head) {
    store::Seq through = 0;
    if (!around_.ring.ReadAfter(core_.counted(), kPortion, buffer_, through)) {
      tasks_.Start(counting_, CountBack());
      return;
    }
    std::int64_t wanted = 0;
    for (const store::EventPtr& event : buffer_) {
      if (!core_.filter().Wants(*event)) continue;
      ++wanted;
      calls_.recorded(*event);
    }
    core_.Counted(wanted, through, now);
  }
  buffer_.clear();  // it would keep events in memory that the ring has let go
}

void Counter::Recount(const store::Cursor& cursor) {
  tasks_.Start(recounting_, CountAnew(cursor.id, cursor.settled_through));
}

Task<Result<std::int64_t>> Counter::CountWanted(store::Seq after, store::Seq through) {
  std::int64_t wanted = 0;
  while (after < through && !Stops(stage_)) {
    Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, through);
    if (!chunk) co_return chunk.error();
    for (const store::EventPtr& event : *chunk->events) {
      if (event->seq > after && event->seq <= through && core_.filter().Wants(*event)) ++wanted;
    }
    after = chunk->through;
  }
  if (Stops(stage_)) co_return Error(Errc::kCancelled, "stopping");
  co_return wanted;
}

Task<> Counter::CountBack() {
  const store::Seq head = around_.ring.head();
  Result<std::int64_t> wanted = co_await CountWanted(core_.counted(), head);
  if (wanted) {
    core_.Counted(*wanted, head, Now());
  } else if (!Stops(stage_)) {
    co_await WaitToRetry(around_.executor);
  }
  counting_ = false;
  tasks_.ended();
}

// What the lanes hold that the cursor passed.
Task<std::int64_t> Counter::CountParked(std::int64_t cursor, store::Seq settled_through) {
  std::int64_t pending = 0;
  try {
    auto load = [cursor](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
      return store::LoadParked(s, cursor);
    };
    std::vector<store::ParkedLane> lanes;
    if (auto loaded = co_await around_.store.Read(load)) lanes = std::move(*loaded);
    for (const store::ParkedLane& lane : lanes) {
      const store::Limit limit{core_.policy().lane_page, core_.policy().lane_bytes()};
      store::Seq after = lane.next_seq - 1;
      while (!Stops(stage_) && after < settled_through) {
        auto query = [&](store::Snapshot& s) -> Result<store::Portion> {
          return store::ReadLane(s, lane.lane, after, settled_through, limit);
        };
        auto page = co_await around_.store.Read(query);
        if (!page) break;
        for (const auto& event : page->events) pending += core_.filter().Wants(*event) ? 1 : 0;
        after = page->through;
      }
    }
  } catch (const std::exception& e) {
    around_.log.Error("pending events could not be counted", {{"endpoint", endpoint_.name}, {"error", e.what()}});
  }
  co_return pending;
}

Task<> Counter::CountAnew(std::int64_t cursor, store::Seq settled_through) {
  const store::Seq head = around_.ring.head();
  const std::int64_t parked = co_await CountParked(cursor, settled_through);
  const std::int64_t settled_before = core_.settled();
  Result<std::int64_t> wanted = co_await CountWanted(settled_through, head);
  recounting_ = false;
  if (wanted) {
    core_.Recounted(parked + *wanted - (core_.settled() - settled_before), head, Now());
    calls_.counted_anew();
  }
  tasks_.ended();
}

}  // namespace portcall::broker
