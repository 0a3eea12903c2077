#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/refusals.h"

namespace portcall::broker {

// What of an endpoint's pace is stored with its cursor, so that a restart does not change it. Times are wall clock, ns.
struct PaceRow {
  struct Open {  // the breaker, where it is not closed
    std::int64_t since = 0, probe_at = 0;
    int failed_probes = 0;
    bool operator==(const Open&) const = default;
  };
  std::string entry;  // of what entry: another one begins anew
  int failures = 0;   // in a row, that the breaker counted
  Refusals::Row refusals;
  std::optional<Open> open;
  std::optional<std::int64_t> floor;  // until when Retry-After asks for patience
  std::optional<std::int64_t> asked;  // how long a patience that was, ns
  std::string error;                  // the last one, where the breaker is open

  // An endpoint that is well stores nothing.
  bool plain() const { return failures == 0 && refusals.plain() && !open && !floor; }
  std::string Write() const;
  static std::optional<PaceRow> Parse(std::string_view text);  // nullopt: plain, or nothing that we wrote
  bool operator==(const PaceRow&) const = default;
};

}  // namespace portcall::broker
