#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/clock.h"

namespace portcall::sinks {

// How many bytes may be under way to one topic at a time, after a broker has refused a batch of it, for its size or for
// what one of its messages is: no batch can be larger then. As long as none is refused, librdkafka makes batches as it
// likes. One thread.
class KafkaBatchLimit {
 public:
  enum class Fault { kSize, kContent };
  // A message that is under way.
  struct Ride {
    std::uint64_t number = 0;  // 0: it is not under way
    bool first = false;        // nothing else was when it left
  };

  // `most`: bytes of librdkafka's largest batch; what is larger travels alone.
  explicit KafkaBatchLimit(std::size_t most) : most_(most), limit_(most) {}

  std::size_t bytes() const { return limit_; }
  // Whether a message may leave now; else when others have ended.
  bool Admits(std::size_t bytes) const { return limit_ >= most_ || rides_ == 0 || under_way_ + bytes <= limit_; }
  Ride Began(std::size_t bytes);
  void Ended(std::size_t bytes);
  // A message that was refused is to blame only if it was a batch of its own.
  bool Alone(const Ride& ride, std::size_t bytes) const {
    return bytes > limit_ || (ride.first && ride.number == newest_);
  }
  void Guilty(std::size_t bytes, Fault fault);   // it was
  void Refused(std::size_t bytes, Fault fault);  // it was not: of the batch or batches that Shrink is about
  void Shrink(runtime::SteadyTime now);
  // Such successes let it grow again: at once, but not to the size that was refused, which is tried again after half an
  // hour. Where one message was to blame, that is its size. What a message is says nothing of sizes: as soon as it is
  // known, or as much as was refused is stored, batches may be as large as they were.
  void Stored(std::size_t bytes, runtime::SteadyTime now);

 private:
  static constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

  std::size_t most_, limit_;
  std::size_t refused_ = kUnknown;  // a size that is known to be too large
  std::size_t refused_now_ = 0;     // by Refused, until Shrink
  Fault fault_ = Fault::kContent;   // of those
  std::size_t stored_ = 0;          // since it last grew
  std::size_t suspected_ = 0;       // bytes that were refused for a message among them, and are not stored yet
  std::size_t under_way_ = 0, rides_ = 0;
  std::uint64_t newest_ = 0;
  runtime::SteadyTime forget_at_{};
};

}  // namespace portcall::sinks
