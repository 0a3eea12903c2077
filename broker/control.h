#pragma once

#include <vector>

#include "broker/status.h"
#include "config/config.h"
#include "runtime/result.h"

namespace portcall::broker {

// What an operator may do with the broker and see of it. Callable from any thread but the broker's own loop; each call
// may wait for that loop.
class Control {
 public:
  virtual ~Control() = default;

  // Changes to the endpoints of a new configuration, to all of them or to none. Blocks until applied.
  virtual Result<void> Apply(config::ConfigPtr config) = 0;
  // As it is now: what is pending holds every event whose writer knows that it is recorded. Where the loop does not
  // answer within seconds, as it last was.
  virtual std::vector<EndpointStatus> Status() const = 0;
  // Brings the gauges up to date, in the same way.
  virtual void Show() = 0;
  // events.onfull is `refuse` and endpoints hold the log at events.maxsize: what must be recorded is to be answered
  // 503, and what need not is not to be recorded. Never waits.
  virtual bool LogIsFull() const = 0;
};

}  // namespace portcall::broker
