#include <algorithm>
#include <exception>
#include <utility>

#include "broker/endpoint/endpoint_runner.h"
#include "runtime/failpoint.h"
#include "store/endpoints.h"
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

Task<> EndpointRunner::Pause(Ticks duration) {
  Timer timer(around_.executor);
  timer.expires_after(std::chrono::nanoseconds(duration));
  co_await timer.async_wait(nothrow);
}

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
    co_await Pause(kRetryStore);
  }
  counting_ = false;
  Drive();
  Show();
}

// The filter was changed: what is pending is counted anew, with the lanes that the cursor passed.
Task<> EndpointRunner::Recount() {
  const store::Seq from = cursor_.settled_through, head = around_.ring.head();
  std::vector<store::ParkedLane> lanes;
  std::int64_t pending = 0;
  try {
    auto load = [id = cursor_.id](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
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
    fingerprint_due_ = true;
  }
  Drive();
  Show();
}

// What a settlement is before it is written for the first time it stays until it is written: where the outcome of a
// write is unknown, the next one under the same number settles nothing twice.
void EndpointRunner::Seal(store::Settlement& settlement) const {
  settlement.number = cursor_.settlements + 1;
  if (fingerprint_due_) settlement.fingerprint = core_.filter().fingerprint();
}

Task<Result<void>> EndpointRunner::WriteOnce(const store::Settlement& settlement) {
  runtime::Failpoint("before-flush");
  auto job = [&settlement](store::Tx& tx) { return store::Settle(tx, settlement); };
  Result<void> written = co_await around_.store.Write(job, store::Priority::kSettlement);
  if (!written) {
    around_.log.Error("deliveries could not be settled",
                      {{"endpoint", endpoint_.name}, {"error", written.error().detail}});
    co_return written;
  }
  cursor_.settled_through = settlement.settled_through;
  cursor_.through = settlement.through;
  cursor_.matched = settlement.matched;
  cursor_.settled = settlement.settled;
  cursor_.settlements = settlement.number;
  cursor_.pace = settlement.pace;
  if (!settlement.receipt.empty()) cursor_.receipt = settlement.receipt;
  if (!settlement.fingerprint.empty()) {
    cursor_.fingerprint = settlement.fingerprint;
    fingerprint_due_ = false;
  }
  co_return written;
}

// A settlement that cannot be written is kept and tried again. Meanwhile the core goes on claiming, up to the number of
// events that a crash may repeat, so that pending events still go out while the disk is full. False: the runner stops.
Task<bool> EndpointRunner::WriteUntilDone(const store::Settlement& settlement) {
  while (!co_await WriteOnce(settlement)) {
    if (stopping_) co_return false;
    co_await Pause(kRetryStore);
  }
  co_return true;
}

Task<> EndpointRunner::Flush(store::Settlement settlement) {
  Seal(settlement);
  if (!co_await WriteUntilDone(settlement)) co_return;
  core_.Flushed();
  if (!stopping_) Drive();
}

// Writes all decisions; nothing may be under way. False: the runner stops, and the rest could not be written.
Task<bool> EndpointRunner::FlushEverything() {
  core_.RenewAges(Now());
  for (int i = 0; i < 8; ++i) {
    std::optional<store::Settlement> settlement = core_.TakeSettlement(Now(), true);
    if (!settlement) break;
    Seal(*settlement);
    if (!co_await WriteUntilDone(*settlement)) co_return false;
    core_.Flushed();
  }
  co_return true;
}

Task<> EndpointRunner::StorePause(std::string reason) {
  const store::EndpointState state{endpoint_.name, true, std::move(reason), endpoint_.fingerprint};
  auto job = [&state](store::Tx& tx) -> Result<bool> {
    store::PutEndpoint(tx, state);
    return true;
  };
  while (!co_await around_.store.Write(job, store::Priority::kSettlement)) {
    if (stopping_) co_return;
    co_await Pause(kRetryStore);
  }
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
