#pragma once

#include <string>

#include "config/config.h"
#include "sinks/outcome.h"

namespace portcall::broker {

// An endpoint with nothing but defaults.
inline config::Endpoint Hook() {
  config::Endpoint endpoint;
  endpoint.name = "hook";
  endpoint.url = "http://receiver";
  return endpoint;
}

// As an HTTP sink reports a status.
inline sinks::Outcome Answer(int status) {
  using sinks::Verdict;
  sinks::Outcome outcome;
  outcome.status = status;
  outcome.status_text = std::to_string(status);
  outcome.verdict = status >= 200 && status < 300                                      ? Verdict::kDelivered
                    : status == 410                                                    ? Verdict::kGone
                    : status == 400 || status == 413 || status == 415 || status == 422 ? Verdict::kRejected
                                                                                       : Verdict::kFailed;
  if (outcome.verdict != Verdict::kDelivered) outcome.error = "answered " + std::to_string(status);
  return outcome;
}

}  // namespace portcall::broker
