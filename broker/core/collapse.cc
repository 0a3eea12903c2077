#include "broker/core/collapse.h"

namespace portcall::broker {
namespace {

bool PushesTag(const store::Event& event) { return event.action == store::Action::kPush && !event.tag.empty(); }

}  // namespace

Successor SuccessorOf(const LaneQueue& queue) {
  const store::Event& front = *queue.front().event;
  if (!PushesTag(front)) return {};
  Successor found{0, true};
  for (std::size_t i = 1; i < queue.size() && found.may_come; ++i) {
    const store::Event& event = *queue.at(i).event;
    if (event.tag != front.tag) continue;
    if (!PushesTag(event)) {
      found.may_come = false;
    } else if (!event.retrial) {  // older than it stands: it supersedes nothing
      found.at = i;
    }
  }
  return found;
}

bool Debounces(const Policy& policy, const Lane& lane) {
  const store::Event& front = *lane.queue.front().event;
  return policy.debounce > 0 && front.seq > lane.turn.due_through && PushesTag(front);
}

}  // namespace portcall::broker
