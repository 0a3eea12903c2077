#pragma once

#include <compare>
#include <cstdint>

namespace portcall::broker {

// Names a lane of one endpoint while the process runs. No two lanes ever have the same one, so an id that outlives its
// lane finds nothing. Ordered by age. The default names none.
struct LaneId {
  std::uint64_t number = 0;  // lanes are counted from 1
  std::uint32_t cell = 0;    // where it lies
  bool operator==(const LaneId& other) const { return number == other.number; }
  std::strong_ordering operator<=>(const LaneId& other) const { return number <=> other.number; }
};

}  // namespace portcall::broker
