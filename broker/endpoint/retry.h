#pragma once

#include "broker/core/moment.h"
#include "runtime/task.h"

namespace portcall::broker {

inline constexpr Ticks kRetryStore = kSecond;  // between two tries to read or write

Task<> WaitToRetry(Executor executor);

}  // namespace portcall::broker
