#include "app/server/descriptor_plan.h"

#include <algorithm>

#include "runtime/http/server.h"

namespace portcall::app {
namespace {

constexpr std::uint64_t kMostConnections = http::ServerLimits().connections, kLeastConnections = 8;
constexpr std::uint64_t kMostAttempts = 1'000'000, kLeastAttempts = 1;
constexpr std::uint64_t kMostUploads = 1'024, kLeastUploads = 8;

}  // namespace

DescriptorPlan PlanDescriptors(std::uint64_t descriptors, std::uint64_t open, std::uint64_t attempts) {
  DescriptorPlan plan;
  plan.open_uploads = static_cast<std::size_t>(std::clamp(descriptors / 16, kLeastUploads, kMostUploads));
  plan.deliveries = std::min(attempts, descriptors / 4);
  const std::uint64_t rest = std::max<std::uint64_t>(64, descriptors / 8);
  const std::uint64_t kept = open + plan.open_uploads + plan.deliveries + rest;
  const std::uint64_t left = descriptors > kept ? descriptors - kept : 0;
  plan.connections = static_cast<std::uint32_t>(std::clamp(left / 2, kLeastConnections, kMostConnections));
  const std::uint64_t spare = left - std::min<std::uint64_t>(left, 2ULL * plan.connections);
  plan.attempts = static_cast<int>(std::clamp(plan.deliveries + spare, kLeastAttempts, kMostAttempts));
  return plan;
}

bool DescriptorPlan::tight() const { return connections < kMostConnections; }

std::uint64_t AttemptsAtOnce(const config::Config& config) {
  std::uint64_t attempts = 0;
  for (const config::Endpoint& endpoint : config.endpoints) {
    if (!endpoint.disabled && !endpoint.url.empty())
      attempts += static_cast<std::uint64_t>(std::max(1, endpoint.concurrency));
  }
  return attempts;
}

std::string Told(const DescriptorPlan& plan, std::uint64_t descriptors) {
  return "at most " + std::to_string(plan.connections) + " connections at once, for " + std::to_string(descriptors) +
         " file descriptors: each may need two, and some are kept: " + std::to_string(plan.open_uploads) +
         " for uploads between two requests, " + std::to_string(plan.deliveries) +
         " for deliveries, others for the database and files. Raise the limit for more: ulimit -n, LimitNOFILE=";
}

}  // namespace portcall::app
