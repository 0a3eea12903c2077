#include "broker/core/lane.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {

Lane::Entry Lane::Pop() {
  Entry entry = std::move(queue_[head_++]);
  if (sent > 0) --sent;
  if (head_ == queue_.size()) {
    queue_.clear();
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return entry;
}

Lane::Entry& Lane::Sent(AttemptId attempt) {
  const auto first = queue_.begin() + static_cast<std::ptrdiff_t>(head_);
  return *std::lower_bound(first, first + static_cast<std::ptrdiff_t>(sent), attempt,
                           [](const Entry& entry, AttemptId id) { return entry.attempt < id; });
}

std::size_t Lanes::Hash::operator()(const LaneKey& key) const {
  const std::hash<std::string_view> hash;
  std::size_t sum = hash(key.repository) + static_cast<std::size_t>(key.seq);
  if (!key.source.empty()) sum ^= hash(key.source) * 0x9e3779b97f4a7c15ull;
  if (!key.tag.empty()) sum ^= hash(key.tag) * 0xc2b2ae3d27d4eb4full;
  return sum;
}

// Where a row speaks of a whole repository, its lane takes that repository's events until it has run empty: otherwise a
// tag's later event could go before an earlier one.
Lane& Lanes::Of(const store::Event& event) {
  if (laning_ == Laning::kStrict || laning_ == Laning::kNone) return Named(LaneOf(event, laning_));
  if (laning_ == Laning::kRepository || mixed_) {
    const auto found = lanes_.find(LaneKey{LaneKey::Kind::kRepository, event.source, event.repository, {}, 0});
    if (found != lanes_.end() && (!mixed_ || !found->second.unused())) return found->second;
  }
  if (laning_ == Laning::kTag) {
    const auto found = lanes_.find(LaneKey{LaneKey::Kind::kTag, event.source, event.repository, event.tag, 0});
    if (found != lanes_.end()) return found->second;
  }
  return Insert(LaneOf(event, laning_));
}

Lane& Lanes::Named(std::string_view key) {
  const auto found = lanes_.find(key);
  return found != lanes_.end() ? found->second : Insert(std::string(key));
}

Lane& Lanes::Insert(std::string key) {
  const auto [at, inserted] = lanes_.try_emplace(std::move(key));
  Lane& lane = at->second;
  lane.key = at->first;
  lane.kind = LaneKey::Parse(lane.key).kind;
  if (laning_ == Laning::kTag && lane.kind == LaneKey::Kind::kRepository) mixed_ = true;
  return lane;
}

}  // namespace portcall::broker
