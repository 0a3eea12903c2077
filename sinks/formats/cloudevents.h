#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/event.h"

namespace portcall::sinks {

inline constexpr std::string_view kCloudEventsJson = "application/cloudevents+json; charset=UTF-8";

// CloudEvents 1.0. Required: id, source, specversion, type (portcall.<kind>.<action>), then time, subject
// (repository, with :tag or @digest; absent for events of no repository), sequence (20 digits, so that texts sort),
// partitionkey (source/repository). `source` is the configured name of this registry; where none is configured it is
// "portcall". `datacontenttype` is application/json: the structured form says it, a binary one by its content type.
// Whatever is no UTF-8 becomes U+FFFD, in attributes control characters too. Pure.
struct CloudEvent {
  std::vector<std::pair<std::string, std::string>> attributes;  // without a binding's prefix, unescaped
  std::string data;                                             // JSON: everything that we know of the event
};
CloudEvent ToCloudEvent(const store::Event& event, std::string_view source);
// The whole event as one JSON object, for the structured mode.
std::string StructuredCloudEvent(const store::Event& event, std::string_view source);

}  // namespace portcall::sinks
