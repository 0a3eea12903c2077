#include "sinks/kafka/renewal.h"

#include <algorithm>
#include <utility>

namespace portcall::sinks {

void KafkaRenewal::Stored() {
  stored_ = true;
  pause_ = std::chrono::milliseconds(0);
}

void KafkaRenewal::Failed(runtime::SteadyTime now) {
  const bool at_once = std::exchange(stored_, false);
  if (!at_once) pause_ = std::clamp(2 * pause_, pauses_.first, pauses_.longest);
  at_ = now + pause_;
}

}  // namespace portcall::sinks
