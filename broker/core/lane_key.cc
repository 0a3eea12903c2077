#include "broker/core/lane_key.h"

#include <charconv>

namespace portcall::broker {

Laning LaningOf(const config::Endpoint& endpoint) {
  if (endpoint.collapse) return Laning::kTag;
  if (endpoint.order == config::Order::kStrict) return Laning::kStrict;
  return endpoint.order == config::Order::kNone ? Laning::kNone : Laning::kRepository;
}

std::string LaneOf(const store::Event& event, Laning laning) {
  if (laning == Laning::kStrict) return "*";
  if (laning == Laning::kNone) return '#' + std::to_string(event.seq);
  std::string key = event.source + '\n' + event.repository;
  if (laning == Laning::kTag) key.append(1, ':').append(event.tag);
  return key;
}

LaneKey LaneKey::Parse(std::string_view key) {
  LaneKey parsed;
  const std::size_t line = key.rfind('\n');
  if (line == std::string_view::npos) {
    parsed.kind = key.starts_with('#') ? Kind::kSingle : Kind::kStrict;
    if (parsed.kind == Kind::kSingle) std::from_chars(key.data() + 1, key.data() + key.size(), parsed.seq);
    return parsed;
  }
  parsed.source = key.substr(0, line);
  parsed.repository = key.substr(line + 1);
  const std::size_t colon = parsed.repository.find(':');  // no repository's name has one
  if (colon == std::string_view::npos) return parsed;
  parsed.kind = Kind::kTag;
  parsed.tag = parsed.repository.substr(colon + 1);
  parsed.repository = parsed.repository.substr(0, colon);
  return parsed;
}

bool LaneKey::Holds(const store::Event& event) const {
  if (kind == Kind::kStrict) return true;
  if (kind == Kind::kSingle) return event.seq == seq;
  return event.source == source && event.repository == repository && (kind == Kind::kRepository || event.tag == tag);
}

bool LaneKey::IsNamed(std::string_view key) const {
  if (kind == Kind::kStrict || kind == Kind::kSingle) return *this == Parse(key);
  const auto takes = [&key](std::string_view part) {
    if (!key.starts_with(part)) return false;
    key.remove_prefix(part.size());
    return true;
  };
  const std::size_t tagged = kind == Kind::kTag ? 1 + tag.size() : 0;
  if (key.size() != source.size() + 1 + repository.size() + tagged) return false;
  return takes(source) && takes("\n") && takes(repository) && (kind == Kind::kRepository || (takes(":") && key == tag));
}

}  // namespace portcall::broker
