#pragma once

#include <cassert>
#include <cstdint>

#include "broker/core/followers.h"

namespace portcall::broker {

// Where an endpoint is in its life. EndpointRunner says what leads from one stage to another, and moves it; from
// running to ending, quiet and back the Expirer does.
enum class Stage : std::uint8_t {
  kStarting,  // delivers, while its backlog is counted anew because its filter was changed
  kRunning,   // delivers
  kEnding,    // held for housekeeping: begins nothing, and what is under way comes to its end
  kQuiet,     // held for housekeeping: nothing is under way, and the stored cursor may be changed
  kLost,      // another has its cursor: begins nothing and writes nothing any more
  kDraining,  // begins nothing any more; attempts end or are let go, what is decided is written
  kStopped,   // may be destroyed
};

constexpr bool Delivers(Stage stage) { return stage == Stage::kStarting || stage == Stage::kRunning; }
constexpr bool Stops(Stage stage) { return stage == Stage::kDraining || stage == Stage::kStopped; }

constexpr bool MayFollow(Stage from, Stage to) {
  using enum Stage;
  constexpr Followers<kStopped> followers({
      {kRunning, kLost, kDraining},          // kStarting
      {kEnding, kLost, kDraining},           // kRunning
      {kQuiet, kRunning, kLost, kDraining},  // kEnding
      {kRunning, kLost, kDraining},          // kQuiet
      {kDraining},                           // kLost
      {kStopped},                            // kDraining
      {},                                    // kStopped
  });
  return followers.May(from, to);
}
// The only way from one stage to another.
inline void Become(Stage& stage, Stage next) {
  assert(MayFollow(stage, next));
  stage = next;
}

}  // namespace portcall::broker
