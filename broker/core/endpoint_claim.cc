#include <utility>

#include "broker/core/endpoint_core.h"

// The part of EndpointCore that decides whose turn it is.
namespace portcall::broker {

bool EndpointCore::MayPromote(Moment now) const {
  if (stopped_ || !pace_.Reachable(now.ticks)) return false;
  if (policy_.collapses && !caught_up()) return false;
  const auto loads = load_queue_.size() + static_cast<std::size_t>(loading_);
  if (pace_.closed()) return pace_.MayStart(now.ticks) && ready_.empty() && loads == 0;
  return loads + (policy_.collapses ? ready_.size() : 0) < pace_.window().ahead();
}

void EndpointCore::Promote(Moment now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now.ticks && MayPromote(now)) {
    Lane& lane = *waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    lane.due_through = lane.passed_through;
    lane.late_reads = 0;
    if (lane.kind == LaneKey::Kind::kStrict) strict_waits_ = false;
    Continue(lane, now);
  }
}

std::optional<LaneRead> EndpointCore::NextLaneRead(Moment now) {
  Promote(now);
  const std::size_t after = held() + policy_.lane_page * (static_cast<std::size_t>(loading_) + 1);
  if (load_queue_.empty() || stopped_ || pace_.paused()) return std::nullopt;
  if (after > policy_.max_held || bytes() >= policy_.max_bytes) return std::nullopt;
  Lane& lane = *load_queue_.front();
  load_queue_.pop_front();
  lane.state = Lane::State::kLoading;
  ++loading_;
  return LaneRead{std::string(lane.key), lane.loaded_through, lane.passed_through, policy_.lane_page};
}

void EndpointCore::OnLane(const LaneRead& read, const LanePage& page, Moment now) {
  Lane& lane = lanes_.Named(read.lane);
  --loading_;
  for (const store::EventPtr& event : page.events) {
    if (event->seq <= lane.loaded_through || !filter_.Wants(*event)) continue;
    progress_.HoldBehind(*event);
    lane.Push({event, kNoSlot});
  }
  lane.loaded_through = page.through;
  if (lane.empty()) lane.next_seq = lane.loaded_through + 1;
  Continue(lane, now);
}

void EndpointCore::OnLaneFailed(const LaneRead& read) {
  Lane& lane = lanes_.Named(read.lane);
  --loading_;
  lane.state = Lane::State::kWantsLoad;
  load_queue_.push_back(&lane);
}

bool EndpointCore::MayBegin(Moment now) {
  if (ready_.empty() || in_flight_ >= window() || !pace_.MayStart(now.ticks)) return false;
  if (ledger_.exposed() + in_flight_ + early_ >= kMaxExposed + policy_.window) return false;
  return (!policy_.collapses || caught_up()) && pace_.RateAllows(now.ticks);
}

bool EndpointCore::Claim(Moment now, Attempt& attempt) {
  if (stopped_ || pace_.paused()) return false;
  if (starts_.Next(attempt)) {
    attempt.lane->state = Lane::State::kInFlight;
    Claimed(attempt.lane->front(), now);
    return true;
  }
  while (MayBegin(now)) {
    Lane& lane = *ready_.front();
    ready_.pop_front();
    lane.state = lane.sent > 0 ? Lane::State::kInFlight : Lane::State::kIdle;
    if (lane.sent > 0 && pace_.closed()) continue;  // a probe is never sent behind another attempt
    if (lane.was_started()) {
      Die(lane, "outcome unknown", {}, now);
      Continue(lane, now);
      continue;
    }
    if (policy_.collapses && !Collapse(lane, now)) continue;
    attempt = Begin(lane, now);
    if (policy_.retry_on_timeout) return true;
    lane.state = Lane::State::kStarting;
    starts_.Announce(std::move(attempt));
    MarkDirty(lane, now.ticks);
    ledger_.Hurry();
  }
  return false;
}

Attempt EndpointCore::Begin(Lane& lane, Moment now) {
  Lane::Entry& entry = lane.at(lane.sent);
  Claimed(entry, now);
  int number = 1;
  if (lane.sent == 0) {
    BeginTrial(lane);
    number = lane.attempts + 1;
  }
  entry.attempt = next_id_++;
  ++lane.sent;
  ++lane.flying;
  ++in_flight_;
  pace_.Started(entry.attempt);
  Attempt attempt{entry.attempt, &lane, entry.event, number};
  Continue(lane, now);
  return attempt;
}

void EndpointCore::Claimed(Lane::Entry& entry, Moment now) const {
  entry.claimed_at = now.ticks;
  entry.claimed_active = pace_.ActiveAt(now.ticks);
}

// The front event's attempts count from when it was claimed, unless they have begun before.
void EndpointCore::BeginTrial(Lane& lane) {
  const store::Seq seq = lane.front().event->seq;
  if (lane.failing != seq) {
    lane.failing = seq;
    lane.attempts = lane.rejections = 0;
    lane.reason.clear();
  }
  if (lane.attempts == 0) lane.first_attempt = lane.front().claimed_active;
}

// Withdraws attempts that never left: a `started` row would tell the next run that they may have been received.
void EndpointCore::GiveBackStarts(Moment now) {
  for (const Attempt& attempt : starts_.TakeBack()) {
    --in_flight_;
    pace_.LetGo(attempt.id, now.ticks);
    Recall(*attempt.lane);
    MarkDirty(*attempt.lane, now.ticks);
    MakeReady(*attempt.lane);
  }
}

}  // namespace portcall::broker
