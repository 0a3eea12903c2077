#include <algorithm>
#include <exception>
#include <utility>

#include "broker/endpoint/endpoint_runner.h"
#include "broker/endpoint/lane_page.h"
#include "broker/endpoint/retry.h"

// The part of EndpointRunner that talks to the store.
namespace portcall::broker {
Task<> EndpointRunner::ReadPage() {
  const store::Seq after = core_.scan();
  Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, around_.ring.head());
  reading_ = false;
  if (chunk) {
    page_ = std::move(*chunk);
    const auto first = std::ranges::upper_bound(*page_.events, after, {}, [](const auto& e) { return e->seq; });
    page_at_ = static_cast<std::size_t>(first - page_.events->begin());
  } else {
    around_.log.Error("the event log could not be read",
                      {{"endpoint", endpoint_.name}, {"error", chunk.error().detail}});
    read_after_ = Now().ticks + kRetryStore;
  }
  Drive();
}

Task<> EndpointRunner::ReadLane(LaneRead read) {
  Result<LanePage> page = Error(Errc::kUnavailable, "no answer");
  try {
    auto query = [&read](store::Snapshot& snapshot) -> Result<LanePage> { return ReadLanePage(snapshot, read); };
    page = co_await around_.store.Read(query);
  } catch (const std::exception& e) {
    page = Error(Errc::kUnavailable, e.what());
  }
  if (page) {
    core_.OnLane(read, *page, Now());
  } else {
    around_.log.Error("a parked repository could not be read",
                      {{"endpoint", endpoint_.name}, {"error", page.error().detail}});
    read_after_ = Now().ticks + kRetryStore;
    core_.OnLaneFailed(read);
  }
  Drive();
}

Task<> EndpointRunner::Flush(store::Settlement settlement) {
  if (co_await settler_.Flush(std::move(settlement)) && !stopping_) Drive();
}

// For an endpoint that does not read on: the age of the next event that it wants stands for its lateness.
Task<> EndpointRunner::FindOldest() {
  const store::Seq after = core_.scan();
  Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, around_.ring.head());
  finding_oldest_ = false;
  if (!chunk) co_return;
  oldest_for_ = after;
  oldest_recorded_ = 0;
  for (const store::EventPtr& event : *chunk->events) {
    if (event->seq <= after || !core_.filter().Wants(*event)) continue;
    oldest_recorded_ = event->recorded_at;
    break;
  }
}

}  // namespace portcall::broker
