#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sinks/shared_bodies.h"
#include "store/event.h"

namespace portcall::sinks {

// A body's shape: a pure function over events, by the name that stands in the configuration.
struct Format {
  std::string_view name, content_type;
  Encoded (*encode)(std::span<const store::EventPtr> events, std::string_view source);
  bool sends_source = true;  // what it says holds the registry's own name
  bool says_all = false;     // has a form for what is no change to the registry, such as a reload
  bool for_images = false;   // for what brings new images to where they run
};
const Format* FindFormat(std::string_view name);  // null: there is none of that name
std::span<const std::string_view> FormatNames();
// Why a format has nothing to say of what is no change to the registry; empty: it has.
std::string WhyNoForm(std::string_view format);

// Those that not only HTTP requests have.
inline constexpr std::string_view kDockerV1Name = "docker-v1", kCloudEventsName = "cloudevents",
                                  kStructuredName = "cloudevents-structured";

}  // namespace portcall::sinks
