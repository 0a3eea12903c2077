#pragma once

#include <cstddef>

#include "broker/core/lane.h"
#include "broker/core/policy.h"

namespace portcall::broker {

// How later pushes of a tag supersede one that waits (docs/delivery.md §4, `debounce`). Pure.

inline constexpr std::size_t kGathered = 16;  // of one lane in the look-ahead; with more, the lane is passed
inline constexpr int kMaxLateReads = 8;       // so that a tag which is pushed all the time has its turn

struct Successor {
  std::size_t at = 0;     // in the lane's queue, 0: none
  bool may_come = false;  // events that are not in the queue yet may hold another
};
// The last push that supersedes the front event: of the same tag, and only pushes of that tag lie between.
Successor SuccessorOf(const LaneQueue& queue);

// A push that came after its lane's last turn waits, because another may supersede it soon.
bool Debounces(const Policy& policy, const Lane& lane);

}  // namespace portcall::broker
