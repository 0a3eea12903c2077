#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"
#include "store/event.h"
#include "store/lane.h"

namespace portcall::broker {

// What endpoints' lanes are made of (docs/delivery.md §3): a repository, one of its tags where later pushes supersede
// earlier ones, everything, or each event by itself.
enum class Laning : std::uint8_t { kRepository, kTag, kStrict, kNone };
Laning LaningOf(const config::Endpoint& endpoint);

using store::LaneKey;

// The name of the lane that an event belongs to.
std::string LaneOf(const store::Event& event, Laning laning);

}  // namespace portcall::broker
