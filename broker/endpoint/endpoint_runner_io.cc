#include <algorithm>
#include <exception>
#include <utility>

#include "broker/endpoint/endpoint_runner.h"
#include "broker/endpoint/retry.h"
#include "store/event_log.h"

// The part of EndpointRunner that talks to the store.
namespace portcall::broker {
namespace {

constexpr std::size_t kMaxScanned = 8'192;  // events of a repository that one query looks at for a tag's

Result<LanePage> ReadLaneFrom(store::Snapshot& snapshot, const LaneRead& read) {
  LanePage page{{}, read.through};
  const LaneKey lane = LaneKey::Parse(read.key);
  if (lane.kind == LaneKey::Kind::kSingle && lane.seq > read.after) {
    if (auto event = store::FindEvent(snapshot, lane.seq)) page.events.push_back(std::move(event));
  }
  if (lane.kind == LaneKey::Kind::kSingle || lane.kind == LaneKey::Kind::kStrict) return page;
  store::Seq after = read.after;
  for (std::size_t scanned = 0; page.events.size() < read.limit; scanned += read.limit) {
    auto events = store::ReadLane(snapshot, lane.source, lane.repository, after, read.through, read.limit);
    if (events.empty()) return page;
    after = events.back()->seq;
    const bool last = events.size() < read.limit;
    for (store::EventPtr& event : events) {
      if (lane.Holds(*event)) page.events.push_back(std::move(event));
    }
    if (last) return page;
    if (scanned >= kMaxScanned) break;
  }
  page.through = after;
  return page;
}

}  // namespace

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
    auto query = [&read](store::Snapshot& snapshot) { return ReadLaneFrom(snapshot, read); };
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

Task<Result<std::int64_t>> EndpointRunner::CountWanted(store::Seq after, store::Seq through) {
  std::int64_t wanted = 0;
  while (after < through && !stopping_) {
    Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, through);
    if (!chunk) co_return chunk.error();
    for (const store::EventPtr& event : *chunk->events) {
      if (event->seq > after && event->seq <= through && core_.filter().Wants(*event)) ++wanted;
    }
    after = chunk->through;
  }
  if (stopping_) co_return Error(Errc::kCancelled, "stopping");
  co_return wanted;
}

Task<> EndpointRunner::CountBack() {
  const store::Seq head = around_.ring.head();
  Result<std::int64_t> wanted = co_await CountWanted(core_.counted(), head);
  if (wanted) {
    core_.Counted(*wanted, head, Now());
  } else if (!stopping_) {
    co_await WaitToRetry(around_.executor);
  }
  counting_ = false;
  Drive();
  Show();
}

// The filter was changed: what is pending is counted anew, with the lanes that the cursor passed.
Task<> EndpointRunner::Recount() {
  const store::Seq from = settler_.cursor().settled_through, head = around_.ring.head();
  std::vector<store::ParkedLane> lanes;
  std::int64_t pending = 0;
  try {
    auto load = [id = settler_.cursor().id](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
      return store::LoadParked(s, id);
    };
    if (auto loaded = co_await around_.store.Read(load)) lanes = std::move(*loaded);
    for (const store::ParkedLane& lane : lanes) {
      LaneRead read{{}, lane.lane, lane.next_seq - 1, from, core_.policy().lane_page};
      while (!stopping_ && read.after < read.through) {
        auto query = [&read](store::Snapshot& s) { return ReadLaneFrom(s, read); };
        auto page = co_await around_.store.Read(query);
        if (!page) break;
        for (const auto& event : page->events) pending += core_.filter().Wants(*event) ? 1 : 0;
        read.after = page->through;
      }
    }
  } catch (const std::exception& e) {
    around_.log.Error("pending events could not be counted", {{"endpoint", endpoint_.name}, {"error", e.what()}});
  }
  const std::int64_t settled_before = core_.settled();
  Result<std::int64_t> wanted = co_await CountWanted(from, head);
  recounting_ = false;
  if (wanted) {
    core_.Recounted(pending + *wanted - (core_.settled() - settled_before), head, Now());
    settler_.CountedAnew();
  }
  Drive();
  Show();
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
