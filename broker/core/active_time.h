#pragma once

#include <optional>
#include <utility>

#include "broker/core/moment.h"

namespace portcall::broker {

// The time during which an endpoint could be delivered to: it stands still while its breaker is open or it is paused,
// so that events do not age meanwhile.
class ActiveTime {
 public:
  Ticks At(Ticks now) const { return now - closed_for_ - (closed_since_ ? now - *closed_since_ : 0); }
  bool stands() const { return closed_since_.has_value(); }
  // True: it has just been closed.
  bool Watch(bool closed, Ticks now) {
    if (closed == stands()) return false;
    if (closed) {
      closed_since_ = now;
    } else {
      closed_for_ += now - *std::exchange(closed_since_, std::nullopt);
    }
    return closed;
  }

 private:
  Ticks closed_for_ = 0;
  std::optional<Ticks> closed_since_;
};

}  // namespace portcall::broker
