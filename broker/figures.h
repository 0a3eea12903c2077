#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "broker/status.h"
#include "runtime/mutex.h"
#include "runtime/task.h"

namespace portcall::broker {

// What operators see of the broker: asked for on any thread, and looked up on the broker's loop. A loop that does not
// answer holds nobody up, what it said last stands then. The loop runs, or nobody asks, while this object is destroyed.
class Figures {
 public:
  struct Look {
    std::vector<EndpointStatus> status;
    bool counted = true;  // no event that is recorded has still to be counted
  };
  struct Patience {
    std::chrono::milliseconds loop{5'000};   // Prometheus waits for ten seconds
    std::chrono::milliseconds count{1'000};  // for events that have still to be counted
  };

  // `look` is called on the loop, and sets the gauges as well.
  Figures(Executor loop, std::function<Look()> look, Patience patience);
  Figures(Executor loop, std::function<Look()> look) : Figures(std::move(loop), std::move(look), Patience()) {}

  // As they are now: with every event whose writer has been told that it is recorded.
  std::vector<EndpointStatus> Fresh();

 private:
  bool AskLoop(Look& answer);  // false: it does not answer

  const Executor loop_;
  const std::function<Look()> look_;
  const Patience patience_;
  runtime::Mutex mutex_;
  std::vector<EndpointStatus> last_ GUARDED_BY(mutex_);
};

}  // namespace portcall::broker
