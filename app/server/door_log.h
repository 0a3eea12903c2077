#pragma once

#include <array>
#include <cstdint>

#include "runtime/clock.h"
#include "runtime/http/server.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/mutex.h"

namespace portcall::app {

// Tells of what happened at the server's door and became no request: counts each, and logs the first kLines of a kind
// within a minute. How many more there were is said with the first of a later minute. Callable from any loop; log,
// metrics and clock outlive it.
class DoorLog {
 public:
  static constexpr int kLines = 10;

  DoorLog(runtime::Log& log, runtime::Metrics& metrics, const runtime::Clock& clock);
  void Tell(const http::Incident& incident);

 private:
  static constexpr std::size_t kKinds = 7;
  struct Kind {
    prometheus::Counter* counter = nullptr;
    runtime::SteadyTime since{};  // when the first line of this minute was written
    int said = 0;
    std::uint64_t unsaid = 0;
  };

  runtime::Log& log_;
  const runtime::Clock& clock_;
  runtime::Mutex mutex_;
  std::array<Kind, kKinds> kinds_ GUARDED_BY(mutex_);
};

}  // namespace portcall::app
