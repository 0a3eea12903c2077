#pragma once

namespace portcall::app {

// Exit codes that scripts may rely on. kUsage: the command line, the configuration or the data is not fit to run with.
inline constexpr int kDone = 0, kFailed = 1, kUsage = 2;

}  // namespace portcall::app
