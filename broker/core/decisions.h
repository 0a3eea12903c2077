#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/attempt_id.h"
#include "broker/core/lane_id.h"
#include "broker/core/moment.h"
#include "sinks/outcome.h"
#include "store/event_log.h"

namespace portcall::broker {

// Something that an operator should hear of.
struct Note {
  enum class Kind { kFailing, kOpened, kRecovered, kDead, kPaused, kSuperseded } kind;
  std::string text;                  // the last error, the reason of a death, or the id of the event that supersedes
  store::EventPtr event = {};        // of a death, or superseded
  int attempts = 0;                  // of a death
  std::optional<Ticks> lasted = {};  // of a recovery: how long the breaker was open, if it was
};

struct Attempt {
  AttemptId id = 0;
  LaneId lane;
  store::EventPtr event;
  int number = 1;
  // Of an event that is given up once it is set aside (Sink::SetAside): why it is undeliverable. Else null.
  std::shared_ptr<const sinks::Outcome> refusal = nullptr;
};

struct LaneRead {
  LaneId lane;
  std::string key;  // the lane's name, as it is stored
  store::Seq after = 0, through = 0;
  store::Limit limit;
};

}  // namespace portcall::broker
