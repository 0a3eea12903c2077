#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "config/config.h"

namespace portcall::app {

// How the file descriptors of this process are divided, so that no use of them takes those of another. What is in no
// part is kept for the database, the debug server, lookups of names and whatever works on files.
struct DescriptorPlan {
  std::uint32_t connections = 0;  // of clients: a request may read or write a file beside its socket
  std::size_t open_uploads = 0;   // idle ones that keep their files open
  std::uint64_t deliveries = 0;   // what the endpoints may have open, a quarter of all at most
  int attempts = 0;               // that they may make at once, also after a reload: that, and what nobody else has
  bool tight() const;             // fewer connections than where there are enough
};

// For a process that may have `descriptors` files open and has `open` of them, with endpoints that may make so many
// `attempts` at once.
DescriptorPlan PlanDescriptors(std::uint64_t descriptors, std::uint64_t open, std::uint64_t attempts);

// Of all endpoints that are not disabled and open a connection for each.
std::uint64_t AttemptsAtOnce(const config::Config& config);

// For the log, where the plan is tight.
std::string Told(const DescriptorPlan& plan, std::uint64_t descriptors);

}  // namespace portcall::app
