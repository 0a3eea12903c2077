#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/event.h"

namespace portcall::store {

// The names of lanes, as they are stored with what waits in them. A name tells by itself which events it means.

std::string LaneOfRepository(std::string_view source, std::string_view repository);
// Of what has no tag, too: then `tag` is empty.
std::string LaneOfTag(std::string_view source, std::string_view repository, std::string_view tag);
std::string LaneOfAll();
std::string LaneOfOne(Seq seq);

// A name, taken apart. It points into the name.
struct LaneKey {
  enum class Kind : std::uint8_t { kRepository, kTag, kStrict, kSingle };
  static LaneKey Parse(std::string_view name);

  bool Holds(const Event& event) const;
  bool IsNamed(std::string_view name) const;  // the same as Parse(name) == *this, without taking it apart
  bool operator==(const LaneKey&) const = default;

  Kind kind = Kind::kRepository;
  std::string_view source, repository, tag;
  Seq seq = 0;  // of a lane of one event
};

}  // namespace portcall::store
