#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/http/connection.h"

namespace portcall::http {

// Who has the places while all are taken. For one look at all loops, each on its own, one after another.
class Crowd {
 public:
  void Look(Connections& connections, Connection::Clock::time_point now);
  // Of the address that has most, where that is more than a quarter of `places`; else empty.
  std::string_view Largest(std::uint32_t places) const;

 private:
  std::unordered_map<std::string, std::uint32_t> by_address_;
};

// Ends at most `most` busy connections of that address that are slower than `min_rate`, slowest first; how many.
std::size_t EndSlow(Connections& connections, std::string_view address, double min_rate, std::size_t most);

// Looks at those busy connections that hold memory which counts; with `end`, ends all of them that are too slow for
// what they hold, by ServerLimits::memory_hold and crowd_min_rate.
void LookAtHolders(Connections& connections, Connection::Clock::time_point now, const ServerLimits& limits, bool end);

}  // namespace portcall::http
