#pragma once

#include <string>

#include "broker/core/expiry.h"
#include "broker/tail/catch_up_reader.h"
#include "runtime/log.h"

namespace portcall::broker {

// Both functions serve endpoints as well as the orphans of removed ones.
void TellExpired(runtime::Log& log, const std::string& endpoint, store::Seq from, store::Seq through,
                 std::int64_t events);

// Reads what an expiry has to see. Ends with kCancelled when `stopping`.
Task<Result<void>> ReadExpiring(CatchUpReader& reader, store::Seq head, Expiry& expiry, const bool& stopping);

}  // namespace portcall::broker
