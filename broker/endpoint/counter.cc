#include "broker/endpoint/counter.h"

#include <algorithm>
#include <exception>
#include <string>
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
      calls_(std::move(calls)),
      recorded_through_(core.counted()) {}

Moment Counter::Now() const { return Read(around_.clock); }

// Of those after `after`, up to `through`.
std::int64_t Counter::CountWantedOf(const std::vector<store::EventPtr>& events, store::Seq after, store::Seq through) {
  std::int64_t wanted = 0;
  for (const store::EventPtr& event : events) {
    if (event->seq <= after || event->seq > through || !core_.filter().Wants(*event)) continue;
    ++wanted;
    if (event->seq > recorded_through_) calls_.recorded(*event);
  }
  recorded_through_ = std::max(recorded_through_, through);
  return wanted;
}

void Counter::Count(Moment now) {
  if (recounting_ || counting_) return;
  const store::Seq head = around_.ring.head();
  while (core_.counted() < head) {
    store::Seq through = 0;
    if (!around_.ring.ReadAfter(core_.counted(), kPortion, buffer_, through)) {
      tasks_.Start(counting_, CountBack());
      return;
    }
    core_.Counted(CountWantedOf(buffer_, core_.counted(), through), through, now);
  }
  buffer_.clear();  // it would keep events in memory that the ring has let go
}

void Counter::Recount(std::int64_t cursor) { tasks_.Start(recounting_, CountAnew(cursor)); }

Task<Result<std::int64_t>> Counter::CountWanted(store::Seq after, store::Seq through) {
  std::int64_t wanted = 0;
  while (after < through && !Stops(stage_)) {
    Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, through, tasks_.called_off);
    if (!chunk) co_return chunk.error();
    wanted += CountWantedOf(*chunk->events, after, std::min(chunk->through, through));
    after = chunk->through;
  }
  if (Stops(stage_)) co_return Error(Errc::kCancelled, "stopping");
  co_return wanted;
}

Task<> Counter::CountBack() {
  const store::Seq head = around_.ring.head();
  while (core_.counted() < head && !Stops(stage_)) {
    const store::Seq after = core_.counted();
    Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, head, tasks_.called_off);
    if (!chunk) {
      if (!Stops(stage_)) co_await WaitToRetry(around_.executor);
      break;
    }
    core_.Counted(CountWantedOf(*chunk->events, after, chunk->through), chunk->through,
                  Now());  // page by page, so that a stop loses none of it
  }
  counting_ = false;
  tasks_.ended();
}

Task<Result<Counter::Stored>> Counter::LoadStored(std::int64_t cursor) {
  auto load = [cursor](store::Snapshot& s) -> Result<Stored> {
    for (const store::Cursor& stored : store::LoadCursors(s)) {
      if (stored.id == cursor) return Stored{stored.settled, stored.settled_through, store::LoadParked(s, cursor)};
    }
    return Error(Errc::kNotFound, "cursor " + std::to_string(cursor) + " is gone");
  };
  co_return co_await around_.store.Read(load);
}

// What the lanes hold that the cursor passed. `stored` outlives the call: its only caller awaits it.
Task<Result<std::int64_t>> Counter::CountParked(const Stored& stored) {
  std::int64_t pending = 0;
  for (const store::ParkedLane& lane : stored.lanes) {
    const store::Limit limit{core_.policy().lane_page, core_.policy().lane_bytes()};
    store::Seq after = lane.next_seq - 1;
    while (!Stops(stage_) && after < stored.settled_through) {
      const auto page =
          co_await around_.reader.ReadLane(lane.lane, after, stored.settled_through, limit, tasks_.called_off);
      if (!page) co_return page.error();
      for (const auto& event : page->events) pending += core_.filter().Wants(*event) ? 1 : 0;
      after = page->through;
    }
  }
  co_return pending;
}

// Cursor and lanes are of one state of the store. What has been settled since is in both counts.
Task<Result<void>> Counter::TryCountAnew(std::int64_t cursor) {
  try {
    Result<Stored> stored = co_await LoadStored(cursor);
    if (!stored) co_return stored.error();
    const store::Seq head = around_.ring.head();
    const Result<std::int64_t> parked = co_await CountParked(*stored);
    if (!parked) co_return parked.error();
    const Result<std::int64_t> wanted = co_await CountWanted(stored->settled_through, head);
    if (!wanted) co_return wanted.error();
    core_.Recounted(*parked + *wanted - (core_.settled() - stored->settled), head, Now());
    co_return Result<void>();
  } catch (const std::exception& e) {
    co_return Error(Errc::kInternal, e.what());
  }
}

Task<> Counter::CountAnew(std::int64_t cursor) {
  Result<void> counted = co_await TryCountAnew(cursor);
  while (!counted && Delivers(stage_) && !tasks_.called_off) {
    around_.log.Error("pending events could not be counted",
                      {{"endpoint", endpoint_.name}, {"error", counted.error().detail}});
    co_await WaitToRetry(around_.executor);
    counted = co_await TryCountAnew(cursor);
  }
  recounting_ = false;
  if (counted) calls_.counted_anew();
  tasks_.ended();
}

}  // namespace portcall::broker
