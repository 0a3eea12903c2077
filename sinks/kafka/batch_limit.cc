#include "sinks/kafka/batch_limit.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace portcall::sinks {
namespace {

constexpr std::size_t kShrinkBy = 4;
constexpr std::chrono::minutes kRemembered(30);

}  // namespace

KafkaBatchLimit::Ride KafkaBatchLimit::Began(std::size_t bytes) {
  under_way_ += bytes;
  return {++newest_, rides_++ == 0};
}

void KafkaBatchLimit::Ended(std::size_t bytes) {
  assert(rides_ > 0 && under_way_ >= bytes);
  --rides_;
  under_way_ -= bytes;
}

void KafkaBatchLimit::Guilty(std::size_t bytes, Fault fault) {
  refused_ = fault == Fault::kSize ? bytes : kUnknown;
  suspected_ = 0;
}

void KafkaBatchLimit::Refused(std::size_t bytes, Fault fault) {
  refused_now_ += bytes;
  if (fault == Fault::kSize) fault_ = fault;
}

void KafkaBatchLimit::Shrink(runtime::SteadyTime now) {
  const Fault fault = std::exchange(fault_, Fault::kContent);
  const std::size_t batch = std::min(std::exchange(refused_now_, 0), limit_);
  if (batch == 0) return;
  refused_ = batch;
  suspected_ = fault == Fault::kContent ? batch : 0;
  limit_ = std::max<std::size_t>(1, batch / kShrinkBy);
  stored_ = 0;
  forget_at_ = now + kRemembered;
}

void KafkaBatchLimit::Stored(std::size_t bytes, runtime::SteadyTime now) {
  if (limit_ >= most_) return;
  const bool cleared = suspected_ > 0 && bytes >= suspected_;
  suspected_ -= std::min(bytes, suspected_);
  if (cleared || now >= forget_at_) refused_ = kUnknown;
  stored_ += bytes;
  if (stored_ < limit_) return;
  stored_ = 0;
  const std::size_t next = limit_ > most_ / 2 ? most_ : limit_ * 2;
  if (next < refused_) limit_ = next;
}

}  // namespace portcall::sinks
