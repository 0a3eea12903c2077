#pragma once

#include <array>
#include <string_view>

#include "app/admin/call.h"

namespace portcall::app {

// What became of events.

inline constexpr std::array<std::string_view, 7> kEventKeys{"repository", "tag",    "digest", "action",
                                                            "since",      "before", "limit"};
AdminAnswer ListEvents(const Call& call);
AdminAnswer ShowEvent(const Call& call);

}  // namespace portcall::app
