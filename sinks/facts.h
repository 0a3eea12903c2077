#pragma once

#include <string>
#include <string_view>

#include "store/event.h"

namespace portcall::sinks {

// The value of one of EventWords() for an event; `source` is the configured name of this registry, and the
// event's own source stands for it where a relay brought it. Pure. Decodes the details for the words that need them.
std::string FactOf(const store::Event& event, std::string_view source, std::string_view word);

// source/repository, and what of it was pushed: `:tag`, else `@digest`.
std::string ImageOf(const store::Event& event, std::string_view source);

}  // namespace portcall::sinks
