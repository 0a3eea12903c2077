#include "store/event.h"

#include <utility>

namespace portcall::store {

Event SystemEvent(Action action, std::string note, std::string operator_name) {
  Details details;
  details.note = std::move(note);
  details.actor_verified = !operator_name.empty();
  Event event;
  event.action = action;
  event.kind = Kind::kSystem;
  event.actor = std::move(operator_name);
  event.details = EncodeDetails(details);
  return event;
}

std::size_t BytesOf(const Event& e) {
  constexpr std::size_t kAllocations = 64;
  return sizeof(Event) + e.id.size() + e.source.size() + e.repository.size() + e.tag.size() + e.digest.size() +
         e.media_type.size() + e.actor.size() + e.details.size() + kAllocations +
         (e.retrial ? sizeof(Retrial) + Retrial::kMostSeqs * sizeof(Seq) : 0);
}

}  // namespace portcall::store
