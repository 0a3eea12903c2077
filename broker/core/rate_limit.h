#pragma once

#include <algorithm>

#include "broker/core/moment.h"

namespace portcall::broker {

// Requests a second, as a bucket that holds a tenth of a second's worth and at least one request. 0: no limit.
class RateLimit {
 public:
  explicit RateLimit(double per_second)
      : rate_(per_second / static_cast<double>(kSecond)), size_(std::max(1.0, per_second / 10)), tokens_(size_) {}

  bool Allows(Ticks now) {
    if (rate_ <= 0) return true;
    tokens_ = std::min(size_, tokens_ + rate_ * static_cast<double>(std::max<Ticks>(0, now - last_)));
    last_ = std::max(last_, now);
    return tokens_ >= 1;
  }
  void Take() {
    if (rate_ > 0) tokens_ -= 1;
  }
  // After Allows said no: when it will say yes. Never, where there is no limit.
  Ticks wake() const { return rate_ <= 0 ? kNever : last_ + static_cast<Ticks>((1 - tokens_) / rate_) + 1; }

 private:
  double rate_;  // tokens a nanosecond
  double size_, tokens_;
  Ticks last_ = 0;
};

}  // namespace portcall::broker
