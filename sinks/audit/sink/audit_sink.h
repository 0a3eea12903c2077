#pragma once

#include <memory>

#include "sinks/kind.h"

namespace portcall::sinks {

// Appends each event as a line to a hash-chained log in a folder (docs/delivery.md §7). While the folder cannot be
// made, opened or written, attempts fail and Trouble() says why.
// kInvalid: what only shows when it is built; never the value of a secret.
Result<std::unique_ptr<Sink>> MakeAudit(const config::Endpoint& endpoint, const Surroundings& around);

}  // namespace portcall::sinks
