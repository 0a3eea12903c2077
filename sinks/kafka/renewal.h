#pragma once

#include <chrono>

#include "runtime/clock.h"

namespace portcall::sinks {

// When the next client of a producer may be made. One by which the brokers stored something is followed at once; one
// that could not be made, or ended before that, costs brokers and this machine the same each time, so the next one
// waits for longer and longer. One thread.
class KafkaRenewal {
 public:
  struct Pauses {
    std::chrono::milliseconds first{5'000}, longest{30'000};
  };

  explicit KafkaRenewal(Pauses pauses) : pauses_(pauses) {}

  runtime::SteadyTime at() const { return at_; }
  // The last one has failed so, and the next has had no time to do so.
  bool Doubted(runtime::SteadyTime now) const;
  void Stored();  // the brokers stored something
  void Failed(runtime::SteadyTime now);

 private:
  const Pauses pauses_;
  std::chrono::milliseconds pause_{0};
  bool stored_ = false;  // by the current client
  runtime::SteadyTime at_{};
};

}  // namespace portcall::sinks
