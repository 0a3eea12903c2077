#include "store/lane.h"

#include <charconv>

namespace portcall::store {

namespace {

// `source \n repository`, `source \n repository:tag`, "*" for all events, "#seq" for one.
constexpr char kAfterSource = '\n', kBeforeTag = ':', kBeforeSeq = '#';

}  // namespace

std::string LaneOfRepository(std::string_view source, std::string_view repository) {
  std::string name(source);
  return name.append(1, kAfterSource).append(repository);
}

std::string LaneOfTag(std::string_view source, std::string_view repository, std::string_view tag) {
  return LaneOfRepository(source, repository).append(1, kBeforeTag).append(tag);
}

std::string LaneOfAll() { return "*"; }
std::string LaneOfOne(Seq seq) { return kBeforeSeq + std::to_string(seq); }

LaneKey LaneKey::Parse(std::string_view name) {
  LaneKey parsed;
  const std::size_t line = name.rfind(kAfterSource);
  if (line == std::string_view::npos) {
    parsed.kind = name.starts_with(kBeforeSeq) ? Kind::kSingle : Kind::kStrict;
    if (parsed.kind == Kind::kSingle) std::from_chars(name.data() + 1, name.data() + name.size(), parsed.seq);
    return parsed;
  }
  parsed.source = name.substr(0, line);
  parsed.repository = name.substr(line + 1);
  const std::size_t colon = parsed.repository.find(kBeforeTag);  // no repository's name has one
  if (colon == std::string_view::npos) return parsed;
  parsed.kind = Kind::kTag;
  parsed.tag = parsed.repository.substr(colon + 1);
  parsed.repository = parsed.repository.substr(0, colon);
  return parsed;
}

bool LaneKey::Holds(const Event& event) const {
  if (kind == Kind::kStrict) return true;
  if (kind == Kind::kSingle) return event.seq == seq;
  return event.source == source && event.repository == repository && (kind == Kind::kRepository || event.tag == tag);
}

bool LaneKey::IsNamed(std::string_view name) const {
  if (kind == Kind::kStrict || kind == Kind::kSingle) return *this == Parse(name);
  const auto takes = [&name](std::string_view part) {
    if (!name.starts_with(part)) return false;
    name.remove_prefix(part.size());
    return true;
  };
  const std::size_t tagged = kind == Kind::kTag ? 1 + tag.size() : 0;
  if (name.size() != source.size() + 1 + repository.size() + tagged) return false;
  return takes(source) && takes({&kAfterSource, 1}) && takes(repository) &&
         (kind == Kind::kRepository || (takes({&kBeforeTag, 1}) && name == tag));
}

}  // namespace portcall::store
