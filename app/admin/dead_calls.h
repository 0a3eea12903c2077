#pragma once

#include <array>
#include <string_view>

#include "app/admin/call.h"

namespace portcall::app {

// Events that were given up.

inline constexpr std::array<std::string_view, 5> kDeadKeys{"endpoint", "repository", "since", "after", "limit"};
AdminAnswer ListDeadLetters(const Call& call);
AdminAnswer ShowDeadLetter(const Call& call);
AdminAnswer DropDeadLetter(const Call& call);
// Several, by their numbers.
AdminAnswer DropDeadLetters(const Call& call);
AdminAnswer RetryDeadLetters(const Call& call);

}  // namespace portcall::app
