#include "sinks/kafka/renewal.h"

#include <algorithm>
#include <utility>

namespace portcall::sinks {
namespace {

constexpr std::chrono::seconds kTimeToFail{10};

}  // namespace

void KafkaRenewal::Stored() {
  stored_ = true;
  pause_ = std::chrono::milliseconds(0);
}

bool KafkaRenewal::Doubted(runtime::SteadyTime now) const { return pause_.count() > 0 && now < at_ + kTimeToFail; }

void KafkaRenewal::Failed(runtime::SteadyTime now) {
  const bool at_once = std::exchange(stored_, false);
  if (!at_once) pause_ = std::clamp(2 * pause_, pauses_.first, pauses_.longest);
  at_ = now + pause_;
}

}  // namespace portcall::sinks
