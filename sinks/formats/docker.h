#pragma once

#include <span>
#include <string>

#include "store/event.h"

namespace portcall::sinks {

inline constexpr std::string_view kDockerV1 = "application/vnd.docker.distribution.events.v1+json";
inline constexpr std::string_view kDockerV2 = "application/vnd.docker.distribution.events.v2+json";

// Distribution's envelope: three-space indentation, no newline at the end. Pure; about 1 µs an event.
std::string DockerEnvelopeV1(std::span<const store::EventPtr> events);  // Distribution 2.x and GitLab
std::string DockerEnvelopeV2(
    std::span<const store::EventPtr> events);  // Distribution 3: descriptor order, empty members

}  // namespace portcall::sinks
