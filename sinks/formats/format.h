#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/event.h"

namespace portcall::sinks {

// An event as the body of an HTTP request.
struct Encoded {
  std::string body;
  std::string fields;  // header lines that belong to this event, each ended by CRLF; safe to send
};

// A body's shape: a pure function over events, by the name that stands in the configuration.
struct Format {
  std::string_view name, content_type;
  Encoded (*encode)(std::span<const store::EventPtr> events, std::string_view source);
};
const Format* FindFormat(std::string_view name);  // null: there is none of that name

}  // namespace portcall::sinks
