#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "runtime/result.h"

namespace portcall::sinks {

inline constexpr std::size_t kKafkaWindow = 5'000;            // messages in flight
inline constexpr std::size_t kKafkaWindowBytes = 16u << 20u;  // of their events, about

// librdkafka's configuration as names and values, in the order in which they are to be set.
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

// Our defaults, then what the friendly keys say, then `properties`. kInvalid: a property that belongs to a friendly key
// or that would break a delivery guarantee, or a key that is missing; says which. Pure.
Result<KafkaSettings> MakeKafkaSettings(const config::Endpoint& endpoint);

}  // namespace portcall::sinks
