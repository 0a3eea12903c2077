#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "store/event.h"

namespace portcall::broker {

// What an endpoint's lanes are made of (DELIVERY.md §3): a repository, one of its tags where later pushes supersede
// earlier ones, everything, or each event by itself.
enum class Laning : std::uint8_t { kRepository, kTag, kStrict, kNone };
Laning LaningOf(const config::Endpoint& endpoint);

// The lane of an event, as it is stored: `source \n repository`, `source \n repository:tag` ("" for what has no tag),
// "*" for strict, "#seq" where every event is its own. It tells by itself which events it means.
std::string LaneOf(const store::Event& event, Laning laning);

// A stored lane's name, taken apart. It points into the name.
struct LaneKey {
  enum class Kind : std::uint8_t { kRepository, kTag, kStrict, kSingle };
  static LaneKey Parse(std::string_view key);

  bool Holds(const store::Event& event) const;
  bool IsNamed(std::string_view key) const;  // the same as Parse(key) == *this, without taking it apart
  bool operator==(const LaneKey&) const = default;

  Kind kind = Kind::kRepository;
  std::string_view source, repository, tag;
  store::Seq seq = 0;  // of a lane of one event
};

}  // namespace portcall::broker
