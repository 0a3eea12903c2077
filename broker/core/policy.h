#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "broker/core/backoff.h"
#include "broker/core/breaker.h"
#include "broker/core/lane_key.h"
#include "config/config.h"
#include "sinks/outcome.h"

namespace portcall::broker {

inline constexpr int kRejectionsUntilDead = 3;
// Nobody waits for longer than this behind an event that an endpoint refuses, which answers all the time.
inline constexpr Ticks kLongestRefusal = 3'600 * kSecond;

// An endpoint's settings, and what its sink can take, in the units of the decision core.
struct Policy {
  Policy() = default;
  explicit Policy(const config::Endpoint& endpoint, const sinks::Capacity& capacity = {});

  Laning laning = Laning::kRepository;
  Breaker::Options breaker;
  Ticks max_backoff = 300 * kSecond;  // of an event
  std::optional<Ticks> max_age;       // unset: an event is given up at no age
  Ticks max_retry_after = 0, debounce = 0;
  std::optional<int> max_retries;
  int window = 32;  // attempts in flight
  bool retry_on_timeout = true;
  bool pipelines = false;   // several attempts of one lane may be in flight
  bool sets_aside = false;  // undeliverable events are set aside before they are given up
  bool collapses = false;   // a later push of a tag supersedes one that waits
  double rate_limit = 0;

  std::size_t max_parked = 10'000;
  std::size_t look_ahead = 2'048, max_bytes = 4 << 20;  // what is held of the log
  std::size_t refill = 256;      // events are taken in portions, so that reading does not cost a turn each
  std::size_t max_held = 8'192;  // events of parked lanes
  std::size_t lane_page = 128;   // read of a parked lane at a time
  std::size_t lane_bytes() const { return max_bytes / 16; }
  std::int64_t max_held_back = 256;    // settled events behind one that holds the cursor
  Ticks max_hold = 50 * kMillisecond;  // how long one event may hold the cursor

  // Repetitions that are numbered must last for longer than a receiver takes to start again.
  Ticks first_delay() const { return max_retries ? std::max(kFirstDelay, breaker.backoff) : kFirstDelay; }
  // How long a lane's stored due time can lie ahead.
  Ticks longest_wait() const { return std::max(max_backoff, debounce); }
};

// What an event has been through, this attempt included.
struct Trial {
  sinks::Verdict verdict = sinks::Verdict::kFailed;
  bool answered = true;  // TellsOutcome
  int attempts = 0, rejections = 0;
  Ticks age = 0;  // since its first attempt, without the time that the endpoint was closed
  bool maybe_received = true;
};

// Whether it is known what became of the request. Not without an answer; nor by one that a gateway gives in place of
// the receiver it has passed the request on to, or may have.
bool TellsOutcome(const sinks::Outcome& outcome);

// Why an event ends as a dead letter; nullopt: it waits for another attempt (docs/delivery.md §4).
std::optional<std::string_view> ReasonToDie(const Policy& policy, const Trial& trial);

}  // namespace portcall::broker
