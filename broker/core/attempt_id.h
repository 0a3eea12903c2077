#pragma once

#include <cstdint>

namespace portcall::broker {

using AttemptId = std::uint64_t;  // grows with every attempt of an endpoint, from 1

}  // namespace portcall::broker
