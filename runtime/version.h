#pragma once

#include <string_view>

namespace portcall::runtime {

// The version that CMakeLists.txt names. Defined in one source file, so that a new version recompiles that one alone.
extern const std::string_view kVersion;    // 1.2.3
extern const std::string_view kUserAgent;  // Portcall/1.2.3: the User-Agent of every request we send

}  // namespace portcall::runtime
