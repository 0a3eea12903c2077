#include "broker/lane.h"

#include <utility>

namespace portcall::broker {

std::string LaneOf(const store::Event& event, config::Order order) {
  if (order == config::Order::kStrict) return "*";
  if (order == config::Order::kNone) return '#' + std::to_string(event.seq);
  return event.source + '\n' + event.repository;
}

Lane::Entry Lane::Pop() {
  Entry entry = std::move(queue_[head_++]);
  if (head_ == queue_.size()) {
    queue_.clear();
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  return entry;
}

Lanes::Name Lanes::Split(std::string_view key) {
  const std::size_t at = key.rfind('\n');
  if (at == std::string_view::npos) return {key, {}};
  return {key.substr(0, at), key.substr(at + 1)};
}

std::size_t Lanes::Hash::operator()(const Name& n) const {
  const std::hash<std::string_view> hash;
  const std::size_t repository = hash(n.repository);
  return n.source.empty() ? repository : repository ^ (hash(n.source) * 0x9e3779b97f4a7c15ull);
}

bool Lanes::Equal::operator()(const Name& n, std::string_view key) const {
  return key.size() == n.source.size() + n.repository.size() + 1 && key[n.source.size()] == '\n' &&
         key.ends_with(n.repository) && key.starts_with(n.source);
}

Lane& Lanes::Of(const store::Event& event) {
  if (order_ != config::Order::kRepository) return Named(LaneOf(event, order_));
  const auto found = lanes_.find(Name{event.source, event.repository});
  return found != lanes_.end() ? found->second : Insert(LaneOf(event, order_));
}

Lane& Lanes::Named(std::string_view key) {
  const auto found = lanes_.find(key);
  return found != lanes_.end() ? found->second : Insert(std::string(key));
}

Lane* Lanes::Find(std::string_view key) {
  const auto found = lanes_.find(key);
  return found != lanes_.end() ? &found->second : nullptr;
}

Lane& Lanes::Insert(std::string key) {
  const auto [at, inserted] = lanes_.try_emplace(std::move(key));
  Lane& lane = at->second;
  lane.key = at->first;
  if (lane.key == "*") lane.kind = Lane::Kind::kStrict;
  if (lane.key.starts_with('#') && lane.key.find('\n') == std::string_view::npos) lane.kind = Lane::Kind::kSingle;
  return lane;
}

}  // namespace portcall::broker
