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

}  // namespace portcall::broker
