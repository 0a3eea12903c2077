#pragma once

#include <utility>

#include "broker/core/moment.h"

namespace portcall::broker {

// The time during which an endpoint could be delivered to: it stands still while its breaker is open or it is paused,
// so that events do not age meanwhile.
class ActiveTime {
 public:
  Ticks At(Ticks now) const { return now - closed_for_ - (closed_since_ == 0 ? 0 : now - closed_since_); }
  // True: it has just been closed.
  bool Watch(bool closed, Ticks now) {
    if (!closed && closed_since_ != 0) closed_for_ += now - std::exchange(closed_since_, 0);
    if (!closed || closed_since_ != 0) return false;
    closed_since_ = now;
    return true;
  }

 private:
  Ticks closed_for_ = 0, closed_since_ = 0;
};

}  // namespace portcall::broker
