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
  dirty_.clear();
  needs_.clear();
  strict_waits_ = false;
}

void Lines::MakeReady(Lane& lane) {
  if (lane.state() == LaneState::kReady) return;
  lane.Become(LaneState::kReady);
  ready_.push_back(lane.id);
}

void Lines::LastGoesFirst() {
  ready_.push_front(ready_.back());
  ready_.pop_back();
}

Lane& Lines::TakeReady() {
  Lane& lane = At(ready_.front());
  ready_.pop_front();
  lane.Become(lane.flight.sent > 0 ? LaneState::kInFlight : LaneState::kIdle);
  return lane;
}

std::vector<LaneId> Lines::TakeAllReady() {
  std::vector<LaneId> all(ready_.begin(), ready_.end());
  ready_.clear();
  for (const LaneId id : all) At(id).Become(LaneState::kIdle);
  return all;
}

void Lines::Leave(Lane& lane, LaneState to) {
  if (lane.state() == LaneState::kReady) ready_.erase(std::ranges::find(ready_, lane.id));
  lane.Become(to);
}

void Lines::Wait(Lane& lane, Ticks due) {
  lane.due = due;
  lane.Become(LaneState::kWaiting);
  waiting_.emplace(due, lane.id);
  if (lane.failing.attempts == 0) untried_.emplace(due, lane.id);
  if (lane.kind == LaneKey::Kind::kStrict) strict_waits_ = true;
}

Lane& Lines::TakeDue(bool untried) {
  Lane& lane = At((untried ? untried_ : waiting_).begin()->second);
  waiting_.erase({lane.due, lane.id});
  untried_.erase({lane.due, lane.id});
  if (lane.kind == LaneKey::Kind::kStrict) strict_waits_ = false;
  lane.Become(LaneState::kIdle);
  return lane;
}

void Lines::WantRead(Lane& lane) {
  lane.Become(LaneState::kToBeRead);
  to_read_.push_back(lane.id);
}

Lane& Lines::TakeToRead(std::size_t reserved) {
  Lane& lane = At(to_read_.front());
  to_read_.pop_front();
  lane.behind.reserved = reserved;
  reserved_ += reserved;
  lane.Become(LaneState::kBeingRead);
  ++being_read_;
  return lane;
}

Lane* Lines::TakeLoadedToRead() {
  const auto loaded = std::ranges::find_if(to_read_, [this](LaneId id) { return !At(id).queue.empty(); });
  if (loaded == to_read_.end()) return nullptr;
  Lane& lane = At(*loaded);
  to_read_.erase(loaded);
  lane.Become(LaneState::kIdle);
  return &lane;
}

void Lines::ReadEnded(Lane& lane) {
  assert(being_read_ > 0 && reserved_ >= lane.behind.reserved);
  --being_read_;
  reserved_ -= std::exchange(lane.behind.reserved, 0);
  lane.Become(LaneState::kIdle);
}

void Lines::ReadFailed(Lane& lane) {
  assert(being_read_ > 0 && reserved_ >= lane.behind.reserved);
  --being_read_;
  reserved_ -= std::exchange(lane.behind.reserved, 0);
  WantRead(lane);
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
