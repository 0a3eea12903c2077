#include "broker/core/lines.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace portcall::broker {
namespace {

constexpr std::size_t kIdleLanes = 4'096;  // up to this many lanes, those that run empty are kept for reuse

}  // namespace

Lane& Lines::At(LaneId id) const {
  Lane* lane = table_.Find(id);
  assert(lane != nullptr);
  return *lane;
}

void Lines::DropIfForgettable(Lane& lane, store::Seq settled_through) {
  const bool forgettable = lane.unused() && !lane.row.dirty && !lane.row.exists && lane.done_through <= settled_through;
  if (forgettable && (lane.kind == LaneKey::Kind::kSingle || table_.size() > kIdleLanes)) table_.Drop(lane);
}

void Lines::Clear() {
  assert(being_read_ == 0);
  table_.Clear();
  ready_.clear();
  to_read_.clear();
  waiting_.clear();
  untried_.clear();
  kept_.clear();
  sentenced_.clear();
  dirty_.clear();
  needs_.clear();
  strict_waits_ = false;
}

// The only way of a lane from one line, or none, to another.
void Lines::Move(Lane& lane, LaneState to) {
  Part(lane);
  lane.Become(to);
  Join(lane);
}

void Lines::Part(Lane& lane) {
  switch (lane.state()) {
    case LaneState::kReady:
      ready_.erase(std::ranges::find(ready_, lane.id));
      return;
    case LaneState::kWaiting:
      waiting_.erase({lane.due, lane.id});
      untried_.erase({lane.behind.untried, lane.id});
      kept_.erase(lane.id);
      sentenced_.erase(lane.id);
      if (lane.kind == LaneKey::Kind::kStrict) strict_waits_ = false;
      return;
    case LaneState::kToBeRead:
      to_read_.erase(std::ranges::find(to_read_, lane.id));
      return;
    case LaneState::kBeingRead:
      assert(being_read_ > 0 && reserved_ >= lane.behind.reserved);
      --being_read_;
      reserved_ -= std::exchange(lane.behind.reserved, 0);
      return;
    default:  // stands in none
      return;
  }
}

void Lines::Join(Lane& lane) {
  switch (lane.state()) {
    case LaneState::kReady:
      ready_.push_back(lane.id);
      return;
    case LaneState::kWaiting:
      waiting_.emplace(lane.due, lane.id);
      lane.behind.untried = lane.behind.next_seq;
      if (lane.failing.attempts == 0) untried_.emplace(lane.behind.untried, lane.id);
      if (lane.failing.refused.kept != 0) kept_.insert(lane.id);
      if (lane.failing.sentence) sentenced_.insert(lane.id);
      if (lane.kind == LaneKey::Kind::kStrict) strict_waits_ = true;
      return;
    case LaneState::kToBeRead:
      to_read_.push_back(lane.id);
      return;
    case LaneState::kBeingRead:
      ++being_read_;
      reserved_ += lane.behind.reserved;
      return;
    default:
      return;
  }
}

void Lines::MakeReady(Lane& lane) {
  if (lane.state() != LaneState::kReady) Move(lane, LaneState::kReady);
}

void Lines::LastGoesFirst() {
  ready_.push_front(ready_.back());
  ready_.pop_back();
}

Lane& Lines::TakeReady() {
  Lane& lane = At(ready_.front());
  Move(lane, lane.flight.sent > 0 ? LaneState::kInFlight : LaneState::kIdle);
  return lane;
}

std::vector<LaneId> Lines::TakeAll(const std::deque<LaneId>& line) {
  std::vector<LaneId> all(line.begin(), line.end());
  for (const LaneId id : all) Move(At(id), LaneState::kIdle);
  return all;
}

bool Lines::AnyReadyUntried() const {
  return std::ranges::any_of(ready_, [this](LaneId id) { return At(id).failing.attempts == 0; });
}

void Lines::Leave(Lane& lane, LaneState to) { Move(lane, to); }

void Lines::Wait(Lane& lane, Ticks due) {
  assert(lane.state() != LaneState::kWaiting);
  lane.due = due;
  Move(lane, LaneState::kWaiting);
}

Lane& Lines::TakeDue() {
  Lane& lane = At(waiting_.begin()->second);
  Move(lane, LaneState::kIdle);
  return lane;
}

Lane& Lines::TakeDueProbe(Ticks now) {
  const auto tells = [&](const auto& one) { return one.first > now || !sentenced_.contains(one.second); };
  const auto first = std::ranges::find_if(waiting_, tells);
  if (first == waiting_.end() || first->first > now) return TakeDue();
  Lane& lane = At(first->second);
  Move(lane, LaneState::kIdle);
  return lane;
}

Lane* Lines::TakeTried(Ticks now) {
  for (const auto& [due, id] : waiting_) {
    Lane& lane = At(id);
    if (due > now) break;
    if (lane.failing.attempts == 0 || lane.failing.sentence) continue;
    Move(lane, LaneState::kIdle);
    return &lane;
  }
  return nullptr;
}

Lane* Lines::TakeNewestUntried(Ticks now) {
  const auto is_due = [&](const auto& one) { return At(one.second).due <= now; };
  const auto newest = std::find_if(untried_.rbegin(), untried_.rend(), is_due);
  if (newest == untried_.rend()) return nullptr;
  Lane& lane = At(newest->second);
  Move(lane, LaneState::kIdle);
  return &lane;
}

void Lines::Hasten(Ticks due, AttemptId attempt) {
  for (const LaneId id : std::vector<LaneId>(kept_.begin(), kept_.end())) {
    Lane& lane = At(id);
    if (lane.due <= due || lane.failing.refused.kept > attempt) continue;
    Move(lane, LaneState::kIdle);
    Wait(lane, due);
  }
}

void Lines::WantRead(Lane& lane) { Move(lane, LaneState::kToBeRead); }

Lane& Lines::TakeToRead(std::size_t reserved) {
  Lane& lane = At(to_read_.front());
  lane.behind.reserved = reserved;
  Move(lane, LaneState::kBeingRead);
  return lane;
}

Lane* Lines::TakeLoadedToRead() {
  const auto loaded = std::ranges::find_if(to_read_, [this](LaneId id) { return !At(id).queue.empty(); });
  if (loaded == to_read_.end()) return nullptr;
  Lane& lane = At(*loaded);
  Move(lane, LaneState::kIdle);
  return &lane;
}

void Lines::ReadEnded(Lane& lane) {
  assert(lane.state() == LaneState::kBeingRead);
  Move(lane, LaneState::kIdle);
}

void Lines::ReadFailed(Lane& lane) {
  assert(lane.state() == LaneState::kBeingRead);
  Move(lane, LaneState::kToBeRead);
}

void Lines::SetParked(Lane& lane, bool parked) {
  if (lane.behind.parked == parked) return;
  lane.behind.parked = parked;
  Index(lane);
}

void Lines::Index(Lane& lane) {
  if (lane.row.needs) needs_.erase({*lane.row.needs, lane.id});
  lane.row.needs = lane.behind.parked ? std::optional(lane.behind.next_seq) : std::nullopt;
  if (lane.row.needs) needs_.emplace(*lane.row.needs, lane.id);
}

// Whoever moves a parked lane marks it dirty.
store::Seq Lines::DecidedThrough(store::Seq through) {
  for (const LaneId id : dirty_) Index(At(id));
  return needs_.empty() ? through : std::min(through, needs_.begin()->first - 1);
}

std::optional<std::int64_t> Lines::OldestParked() const {
  for (const auto& [seq, id] : needs_) {
    if (const auto recorded = At(id).oldest_recorded()) return recorded;
  }
  return std::nullopt;
}

bool Lines::MarkDirty(Lane& lane) {
  if (std::exchange(lane.row.dirty, true)) return false;
  dirty_.push_back(lane.id);
  return true;
}

}  // namespace portcall::broker
