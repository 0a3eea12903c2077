#include "broker/endpoint/feeder.h"

#include <algorithm>
#include <span>
#include <utility>

#include "broker/endpoint/retry.h"
#include "broker/read_clock.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kPortion = 256;  // events taken from the ring at a time
// A page that waits for room for so large an event is read again then: it has but a few.
constexpr std::size_t kNotKept = 1 << 20;

}  // namespace

Feeder::Feeder(const Surroundings& around, const config::Endpoint& endpoint, EndpointCore& core, Tasks tasks,
               std::optional<std::int64_t> oldest_recorded)
    : around_(around), endpoint_(endpoint), core_(core), tasks_(std::move(tasks)) {
  if (oldest_recorded) oldest_ = {core_.scan(), oldest_recorded};
}

Moment Feeder::Now() const { return Read(around_.clock); }

// False: the core has no room for the rest of the page.
bool Feeder::FeedFromPage(Moment now) {
  page_used_ = true;
  page_at_ += core_.Scan(std::span(*page_.events).subspan(page_at_), page_.through, now);
  const bool whole = page_at_ == page_.events->size();
  if (whole || BytesOf(*(*page_.events)[page_at_]) >= kNotKept) page_ = {};
  return whole;
}

// False: the ring does not reach back that far.
bool Feeder::FeedFromRing(Moment now) {
  store::Seq through = 0;
  if (!around_.ring.ReadAfter(core_.scan(), kPortion, buffer_, through)) return false;
  core_.Scan(buffer_, through, now);
  buffer_.clear();  // it would keep events in memory that the ring has let go
  return true;
}

void Feeder::Feed(Moment now) {
  if (reading_) return;
  core_.MakeRoom(now);
  while (core_.WantsEvents()) {
    if (page_.events) {
      if (!FeedFromPage(now)) return;
      continue;
    }
    if (core_.scan() >= around_.ring.head()) return;
    const store::Seq before = core_.scan();
    if (FeedFromRing(now)) {
      if (core_.scan() == before) return;
      continue;
    }
    if (MayRead(now)) tasks_.Start(reading_, ReadPage());
    return;
  }
}

void Feeder::ReadLanes(Moment now) {
  if (!MayRead(now)) return;
  while (auto read = core_.NextLaneRead(now)) {
    if (!tasks_.Start(ReadLane(std::move(*read)))) return;
  }
}

void Feeder::Failed(const char* what, const std::string& why) {
  around_.log.Error(what, {{"endpoint", endpoint_.name}, {"error", why}});
  retry_ = Now().ticks + kRetryStore;
}

Task<> Feeder::ReadPage() {
  const store::Seq after = core_.scan();
  Result<CatchUpReader::Chunk> chunk = co_await around_.reader.Read(after, around_.ring.head(), tasks_.called_off);
  reading_ = false;
  if (chunk) {
    page_ = std::move(*chunk);
    const auto first = std::ranges::upper_bound(*page_.events, after, {}, [](const auto& e) { return e->seq; });
    page_at_ = static_cast<std::size_t>(first - page_.events->begin());
  } else if (!tasks_.called_off) {
    Failed("the event log could not be read", chunk.error().detail);
  }
  tasks_.ended();
}

Task<> Feeder::ReadLane(LaneRead read) {
  const Result<store::Portion> page =
      co_await around_.reader.ReadLane(read.key, read.after, read.through, read.limit, tasks_.called_off);
  if (page) {
    core_.OnLane(read, *page, Now());
  } else {
    if (!tasks_.called_off) Failed("a parked repository could not be read", page.error().detail);
    core_.OnLaneFailed(read);
  }
  tasks_.ended();
}

void Feeder::Tick(bool look) {
  const bool unknown = core_.pending() > 0 && !core_.OldestRecorded() && !LookedFrom(core_.scan());
  if (look && unknown && !finding_oldest_ && core_.scan() < around_.ring.head()) {
    tasks_.Start(finding_oldest_, FindOldest());
  }
  // A page that waits for an endpoint that does not go on is shared by nobody: it is read again when wanted.
  if (!std::exchange(page_used_, false)) page_ = {};
}

// The age of the next event that the endpoint wants stands for its lateness.
Task<> Feeder::FindOldest() {
  const store::Seq after = core_.scan();
  const Result<CatchUpReader::Chunk> chunk =
      co_await around_.reader.Read(after, around_.ring.head(), tasks_.called_off);
  if (chunk) {
    const auto wanted = [&](const store::EventPtr& e) { return e->seq > after && core_.filter().Wants(*e); };
    const auto first = std::ranges::find_if(*chunk->events, wanted);
    oldest_ = {after};
    if (first != chunk->events->end()) oldest_->recorded = (*first)->recorded_at;
  }
  finding_oldest_ = false;
  tasks_.ended();  // somebody may wait until nothing is read any more
}

std::optional<std::int64_t> Feeder::OldestRecorded() const {
  const auto recorded = core_.OldestRecorded();
  if (!recorded && core_.pending() > 0 && LookedFrom(core_.scan())) return oldest_->recorded;
  return recorded;
}

void Feeder::Reloaded() {
  page_ = {};
  oldest_.reset();
}

}  // namespace portcall::broker
