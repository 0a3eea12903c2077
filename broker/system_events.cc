#include "broker/system_events.h"

#include <utility>

namespace portcall::broker {

store::Event SystemEvent(store::Action action, std::string note) {
  store::Details details;
  details.note = std::move(note);
  store::Event event;
  event.action = action;
  event.kind = store::Kind::kSystem;
  event.details = store::EncodeDetails(details);
  return event;
}

}  // namespace portcall::broker
