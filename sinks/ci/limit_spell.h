#pragma once

#include <algorithm>
#include <chrono>

#include "runtime/clock.h"

namespace portcall::sinks {

// The limits that a system answers one after another, with nothing else between. Where waiting as long as it asks does
// not help, the waits grow; and what never ends is a failure after all. Answers that come while a wait lasts belong to
// requests that had left before it, so they are one limit with it. Another answer ends the spell, though not the wait,
// unless its request left before the last wait of before the spell was over.
class LimitSpell {
 public:
  using Millis = std::chrono::milliseconds;
  using Time = runtime::SteadyTime;
  // A short spell of long waits is what was asked for; so is one of a few short waits.
  static constexpr Millis kPatience = std::chrono::minutes(5);
  static constexpr int kEnough = 4;

  // How long to wait: what is asked or, doubled with each limit, from a second to minutes; `most` at most.
  Millis Met(Millis asked, Millis most, Time now) {
    if (now >= until_) {
      if (limits_++ == 0) {
        earliest_ = until_;
        since_ = now;
      }
      asked = std::max(asked, least_);
      least_ = std::min(2 * least_, kLongest);
    }
    asked = std::min(asked, most);
    until_ = std::max(until_, now + asked);
    return std::chrono::ceil<Millis>(until_ - now);
  }
  // Something else was answered to a request that left then.
  void Over(Time left) {
    if (left < earliest_) return;
    limits_ = 0;
    least_ = kShortest;
  }

  bool waits(Time now) const { return now < until_; }
  bool begins() const { return limits_ == 1; }
  bool endless(Time now) const { return limits_ >= kEnough && now - since_ >= kPatience; }
  std::chrono::minutes lasted(Time now) const { return std::chrono::duration_cast<std::chrono::minutes>(now - since_); }

 private:
  static constexpr Millis kShortest = std::chrono::seconds(1), kLongest = std::chrono::minutes(5);
  Time since_{}, until_{};
  Time earliest_{};           // that a request left whose answer says something of this spell
  Millis least_ = kShortest;  // of the next wait
  int limits_ = 0;
};

}  // namespace portcall::sinks
