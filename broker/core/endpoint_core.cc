#include "broker/core/endpoint_core.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {
namespace {

constexpr std::size_t kRefill = 256;       // events are taken in portions, so that reading does not cost a turn each
constexpr std::size_t kGathered = 16;      // of one collapsing lane in the look-ahead; with more, the lane is passed
constexpr std::size_t kIdleLanes = 4'096;  // up to this many lanes, those that run empty are kept for reuse

}  // namespace

EndpointCore::EndpointCore(const config::Endpoint& endpoint, const sinks::Capacity& capacity,
                           const store::Cursor& cursor, std::vector<store::ParkedLane> parked, std::string paused,
                           Moment now, std::uint64_t seed)
    : name_(endpoint.name),
      policy_(endpoint, capacity),
      filter_(endpoint),
      cursor_(cursor.id),
      chance_(seed),
      pace_(policy_, std::move(paused), chance_, now.ticks),
      lanes_(policy_.laning),
      progress_(cursor) {
  for (store::ParkedLane& row : parked) LoadLane(std::move(row), cursor.settled_through, now);
  progress_.SetUnneeded(DecidedThrough(cursor.settled_through));
}

void EndpointCore::Reload(const store::Cursor& cursor, std::vector<store::ParkedLane> parked, Moment now) {
  ready_.clear();
  load_queue_.clear();
  early_failures_.clear();
  waiting_.clear();
  dirty_.clear();
  lanes_ = Lanes(policy_.laning);
  parked_ = 0;
  strict_waits_ = false;
  progress_.Load(cursor);
  for (store::ParkedLane& row : parked) LoadLane(std::move(row), cursor.settled_through, now);
  progress_.SetUnneeded(DecidedThrough(cursor.settled_through));
}

void EndpointCore::Release(Lane& lane, std::size_t kept) {
  for (std::size_t i = kept; i < lane.size(); ++i) progress_.Forget(*lane.at(i).event);
  lane.Truncate(kept);
}

void EndpointCore::LoadLane(store::ParkedLane row, store::Seq settled_through, Moment now) {
  Lane& lane = lanes_.Named(row.lane);
  lane.has_row = true;
  if (lane.kind == LaneKey::Kind::kStrict && policy_.laning != Laning::kStrict) {
    MarkDirty(lane, now.ticks);  // the order was changed: the row goes
    return;
  }
  lane.next_seq = lane.failing = row.next_seq;
  lane.loaded_through = lane.done_through = row.next_seq - 1;
  lane.passed_through = settled_through;
  lane.attempts = row.attempts;
  lane.reason = std::move(row.reason);
  lane.recorded_at = row.recorded_at;
  lane.first_attempt = pace_.ActiveAt(now.ticks) - row.age;
  lane.stored_age = row.age;
  // A clock that jumped must not hold a lane for longer than its delay can be.
  lane.due = now.ticks + std::clamp<Ticks>(row.due - now.wall, 0, policy_.longest_wait());
  if (lane.kind == LaneKey::Kind::kStrict) {
    lane.done_through = 0;
    strict_waits_ = true;
  } else {
    SetParked(lane, true);
  }
  lane.state = Lane::State::kWaiting;
  waiting_.emplace(lane.due, &lane);
}

bool EndpointCore::MayScan() const {
  if (stopped_ || strict_waits_ || parked_ >= policy_.max_parked) return false;
  // A collapsing endpoint always reads on, since later events may supersede those that wait.
  if (!pace_.closed() || policy_.collapses) return true;
  if (pace_.paused()) return false;
  // A closed endpoint reads on only to have something to probe with.
  return ready_.empty() && waiting_.empty() && load_queue_.empty() && loading_ == 0 && in_flight_ == 0;
}

bool EndpointCore::WantsEvents() const {
  return progress_.slots() + kRefill <= policy_.look_ahead && progress_.bytes() < policy_.max_bytes && MayScan();
}

std::size_t EndpointCore::Scan(std::span<const store::EventPtr> events, store::Seq through, Moment now) {
  const store::Seq before = scan();
  std::size_t taken = 0;
  for (const store::EventPtr& event : events) {
    if (event->seq > scan()) {
      if (filter_.Wants(*event)) {
        if (policy_.collapses && slots() >= policy_.look_ahead / 2) PassObstacles(now, false);
        if (slots() >= policy_.look_ahead || bytes() >= policy_.max_bytes || !MayScan()) break;
        Admit(event, now);
      }
      progress_.ScanThrough(event->seq);
    }
    ++taken;
  }
  if (taken == events.size()) progress_.ScanThrough(through);
  if (scan() != before) ledger_.TouchQuietly(now.ticks);
  return taken;
}

void EndpointCore::Admit(const store::EventPtr& event, Moment now) {
  Lane& lane = lanes_.Of(*event);
  if (event->seq <= lane.done_through) {  // settled before the restart, in the row of its lane
    progress_.SettledBefore(event->seq, &lane);
    ledger_.Touch(now.ticks);
    return;
  }
  const bool loaded = lane.complete() && lane.state != Lane::State::kWaiting;
  if (lane.parked && !loaded) {
    lane.passed_through = event->seq;
    progress_.LeaveToLane(event->seq, &lane);
    return;
  }
  lane.Push({event, progress_.Hold(*event, &lane)});
  if (lane.state == Lane::State::kIdle || lane.state == Lane::State::kInFlight) Continue(lane, now);
  if (policy_.collapses && lane.size() > kGathered) PassLane(lane, kInFlight, now);
}

void EndpointCore::MakeReady(Lane& lane) {
  if (lane.state == Lane::State::kReady) return;
  lane.state = Lane::State::kReady;
  ready_.push_back(&lane);
}

// The lane's next step after an event came or was settled, or after it was read.
void EndpointCore::Continue(Lane& lane, Moment now) {
  if (lane.parked && lane.complete() && (lane.empty() || lane.front().slot != kNoSlot)) {
    SetParked(lane, false);
    MarkDirty(lane, now.ticks);
  }
  if (lane.sent > 0) {
    const bool more = policy_.pipelines && lane.sent < lane.size() && !lane.halted;
    if (more) return MakeReady(lane);
    lane.state = Lane::State::kInFlight;
    return;
  }
  if (!lane.empty()) return MustWait(lane, now) ? LetWait(lane, now) : MakeReady(lane);
  lane.state = Lane::State::kIdle;
  if (lane.parked) {
    lane.state = Lane::State::kWantsLoad;
    load_queue_.push_back(&lane);
  } else {
    MaybeDrop(lane);
  }
}

void EndpointCore::MaybeDrop(Lane& lane) {
  const bool forgettable = lane.state == Lane::State::kIdle && lane.empty() && !lane.parked && !lane.dirty &&
                           !lane.has_row && lane.done_through <= settled_through();
  if (forgettable && (lane.kind == LaneKey::Kind::kSingle || lanes_.size() > kIdleLanes)) lanes_.Drop(lane);
}

Ticks EndpointCore::Wake(Moment now) const {
  Ticks at = ledger_.due();
  const auto consider = [&](Ticks when) {
    if (when > now.ticks) at = std::min(at, when);
  };
  if (stopped_ || pace_.paused()) return at;
  if (!waiting_.empty()) consider(waiting_.begin()->first);
  consider(pace_.Wake(now.ticks, !ready_.empty()));
  return at;
}

std::int64_t EndpointCore::OldestRecorded() const {
  std::int64_t oldest = 0;
  const auto consider = [&](std::int64_t at) {
    if (at != 0 && (oldest == 0 || at < oldest)) oldest = at;
  };
  if (slots() > 0 && !progress_.first().lane->empty()) consider(progress_.first().lane->front().event->recorded_at);
  if (parked_ == 0 && !strict_waits_) return oldest;
  for (const auto& [key, lane] : lanes_) {
    if (lane.parked) consider(lane.oldest_recorded());
  }
  return oldest;
}

store::Seq EndpointCore::DecidedThrough(store::Seq through) const {
  if (parked_ == 0) return through;
  for (const auto& [key, lane] : lanes_) {
    if (lane.parked) through = std::min(through, lane.next_seq - 1);
  }
  return through;
}

}  // namespace portcall::broker
