#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/log.h"

namespace portcall::runtime {

std::string_view NameOf(Level level);  // logrus' names: warning, not warn

// One line with its newline. Fields are sorted by key; where the options have the same key, the one in `fields` wins.
// An unknown formatter means text.
std::string FormatLine(const LogOptions& options, std::string_view time, Level level, std::string_view message,
                       std::span<const LogField> fields);

}  // namespace portcall::runtime
