#pragma once

#include <string_view>

namespace portcall::runtime {

// The version that CMakeLists.txt names. A new one compiles a single file.
extern const std::string_view kVersion;    // 1.2.3
extern const std::string_view kUserAgent;  // Portcall/1.2.3: what every request of ours says

}  // namespace portcall::runtime
