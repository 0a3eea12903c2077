#pragma once

#include <string>

#include "runtime/clock.h"
#include "runtime/http/server.h"

namespace portcall::app {

// Apache's combined log format, as Distribution writes it: an absent Referer or User-Agent is "".
std::string CombinedLine(const http::Exchange& exchange);

// "20/Nov/2026:16:24:55 +0000" in the process's zone. The text of the last second is kept for each thread.
std::string_view CombinedTime(runtime::WallTime time);

}  // namespace portcall::app
