#include "broker/status.h"

namespace portcall::broker {

std::string_view WordOf(Condition condition) {
  switch (condition) {
    case Condition::kOk:
      return "ok";
    case Condition::kFailing:
      return "failing";
    case Condition::kDown:
      return "down";
    case Condition::kPaused:
      return "paused";
    case Condition::kStuck:
      return "stuck";
    case Condition::kOrphaned:
      return "orphaned";
  }
  return "unknown";
}

std::string_view WordOf(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kHalfOpen:
      return "half-open";
    case BreakerState::kOpen:
      return "open";
  }
  return "unknown";
}

}  // namespace portcall::broker
