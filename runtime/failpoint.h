#pragma once

#include <string_view>

namespace portcall::runtime {

// A named place where a test may end the process as kill -9 would. PORTCALL_FAILPOINT=name[:n] ends it at the n-th
// pass. Without the variable a pass costs one load.
void Failpoint(std::string_view name);

}  // namespace portcall::runtime
