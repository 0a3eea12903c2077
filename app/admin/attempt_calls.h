#pragma once

#include <array>
#include <string_view>

#include "app/admin/call.h"

namespace portcall::app {

// What was sent, try by try.

inline constexpr std::array<std::string_view, 4> kAttemptKeys{"endpoint", "failed", "before", "limit"};
AdminAnswer ListAttempts(const Call& call);

}  // namespace portcall::app
