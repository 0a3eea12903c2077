#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sinks/sink.h"

namespace portcall::sinks {

// Shared by the sinks that speak HTTP.
inline constexpr std::size_t kKeepAnswer = 4096;  // bytes of a refusal's body

// What a status other than 2xx means (docs/delivery.md §4); 2xx is kDelivered.
Verdict VerdictOf(int status);
// "404 Not Found", from the number alone: a receiver's own phrase would be a metric's label without bound.
std::string StatusText(int status);

}  // namespace portcall::sinks
