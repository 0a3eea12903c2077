#include "broker/core/lane.h"

#include <cassert>

#include "broker/core/followers.h"

namespace portcall::broker {
namespace {

using enum LaneState;

constexpr Followers<kBeingRead> kFollowers({
    {kReady, kStarting, kInFlight, kWaiting, kToBeRead, kIdle},           // kIdle
    {kIdle, kInFlight, kHalted, kDraining},                               // kReady
    {kInFlight, kReady},                                                  // kStarting
    {kInFlight, kIdle, kReady, kHalted, kDraining, kWaiting, kToBeRead},  // kInFlight
    {kHalted, kInFlight, kDraining, kIdle},                               // kHalted
    {kDraining, kWaiting},                                                // kDraining
    {kIdle},                                                              // kWaiting
    {kBeingRead, kIdle},                                                  // kToBeRead
    {kIdle, kToBeRead},                                                   // kBeingRead
});

}  // namespace

bool MayFollow(LaneState from, LaneState to) { return kFollowers.May(from, to); }

void Lane::Become(LaneState state) {
  assert(MayFollow(state_, state));
  state_ = state;
  assert(Fits());
}

bool Lane::Fits() const {
  if (flight.flying > flight.sent || flight.sent > queue.size() || !failing.Fits()) return false;
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
