#include "broker/core/lane.h"

#include <array>
#include <cassert>
#include <initializer_list>

namespace portcall::broker {
namespace {

using enum LaneState;

constexpr unsigned Bit(LaneState state) { return 1u << static_cast<unsigned>(state); }
constexpr unsigned Any(std::initializer_list<LaneState> states) {
  unsigned bits = 0;
  for (const LaneState state : states) bits |= Bit(state);
  return bits;
}

// By the state before, in the enum's order.
constexpr std::array kFollowers = {
    Any({kReady, kStarting, kInFlight, kWaiting, kToBeRead, kIdle}),           // kIdle
    Any({kIdle, kInFlight, kHalted, kDraining}),                               // kReady
    Any({kInFlight, kReady}),                                                  // kStarting
    Any({kInFlight, kIdle, kReady, kHalted, kDraining, kWaiting, kToBeRead}),  // kInFlight
    Any({kHalted, kInFlight, kDraining, kIdle}),                               // kHalted
    Any({kDraining, kWaiting}),                                                // kDraining
    Any({kIdle}),                                                              // kWaiting
    Any({kBeingRead, kIdle}),                                                  // kToBeRead
    Any({kIdle, kToBeRead}),                                                   // kBeingRead
};
static_assert(kFollowers.size() == static_cast<std::size_t>(kBeingRead) + 1);

}  // namespace

bool MayFollow(LaneState from, LaneState to) { return (kFollowers[static_cast<std::size_t>(from)] & Bit(to)) != 0; }

void Lane::Become(LaneState state) {
  assert(MayFollow(state_, state));
  state_ = state;
  assert(Fits());
}

bool Lane::Fits() const {
  if (flight.flying > flight.sent || flight.sent > queue.size() || !failing.refused.Fits()) return false;
  switch (state_) {
    case kIdle:
      return flight.sent == 0;
    case kReady:
      return flight.sent < queue.size();
    case kStarting:
      return flight.sent == 1 && flight.flying == 1;
    case kInFlight:
    case kHalted:
    case kDraining:
      return flight.sent > 0;
    case kWaiting:
      return flight.sent == 0 && due != kNever && (behind.parked || kind == LaneKey::Kind::kStrict);
    case kToBeRead:
    case kBeingRead:
      return flight.sent == 0 && behind.parked;
  }
  return false;
}

LaneQueue::Entry Lane::PopFront() {
  if (flight.sent > 0) --flight.sent;
  return queue.Pop();
}

}  // namespace portcall::broker
