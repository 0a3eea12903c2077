#pragma once

#include <string>

#include "broker/core/decisions.h"
#include "broker/core/moment.h"
#include "sinks/outcome.h"
#include "store/cursors.h"

namespace portcall::broker {

// What is recorded of an attempt that failed, and of an event that dies of it. `error`: what is told of the outcome.
store::AttemptRow FailureRow(const Attempt& attempt, const sinks::Outcome& outcome, const std::string& error,
                             Moment now);
std::string DeathOf(const std::string& error);  // of an undeliverable event: the reason of its dead letter
const std::string& AnswerOf(const sinks::Outcome& refusal, const std::string& error);

}  // namespace portcall::broker
