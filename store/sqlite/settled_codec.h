#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/attempts.h"

namespace portcall::store {

// The events of a row for many, some 5 to 8 bytes each: what each has beyond the one before, as numbers of 7 bits in a
// byte, the lowest first; the last byte has no high bit. seq; time in ms, where even numbers go forward and odd ones
// back; latency in us. Empty for no events.
std::string EncodeSettled(std::span<const SettledEvent> by_seq);
// The last one of that seq among them, nothing: it is not there. `first`: seq and time of the row. kInternal: these are
// no such bytes.
Result<std::optional<SettledEvent>> FindSettled(std::string_view bytes, const SettledEvent& first, Seq seq);

}  // namespace portcall::store
