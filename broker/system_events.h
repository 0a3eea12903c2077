#pragma once

#include <string>

#include "store/event.h"
#include "store/store.h"

namespace portcall::broker {

// What happens to the service itself, as an event for the audit log: no repository, `note` says what in one line (of a
// checkpoint: its whole text).
store::Event SystemEvent(store::Action action, std::string note);

}  // namespace portcall::broker
