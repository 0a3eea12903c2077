#include "broker/endpoint/retry.h"

#include <chrono>

#include "runtime/timer.h"

namespace portcall::broker {

Task<> WaitToRetry(Executor executor) {
  Timer timer(executor);
  timer.expires_after(std::chrono::nanoseconds(kRetryStore));
  co_await timer.async_wait(nothrow);
}

}  // namespace portcall::broker
