#pragma once

#include <optional>
#include <string_view>

#include "broker/breaker.h"
#include "config/config.h"
#include "sinks/sink.h"

namespace portcall::broker {

inline constexpr int kRejectionsUntilDead = 3;

// An endpoint's settings in the units of the decision core.
struct Policy {
  Policy() = default;
  explicit Policy(const config::Endpoint& endpoint);

  config::Order order = config::Order::kRepository;
  Breaker::Options breaker;
  Ticks max_age = 0, max_retry_after = 0;
  std::optional<int> max_retries;
  int concurrency = 32;
  std::size_t max_parked = 10'000;
  double rate_limit = 0;
  bool retry_on_timeout = true;
};

// What an event has been through, this attempt included.
struct Trial {
  sinks::Verdict verdict = sinks::Verdict::kFailed;
  bool answered = true;
  int attempts = 0, rejections = 0;
  Ticks age = 0;  // since its first attempt, without the time that the endpoint was closed
  bool maybe_received = true;
};

// Why an event ends as a dead letter; nullopt: it waits for another attempt (DELIVERY.md §4).
std::optional<std::string_view> ReasonToDie(const Policy& policy, const Trial& trial);

}  // namespace portcall::broker
