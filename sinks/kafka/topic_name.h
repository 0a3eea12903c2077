#pragma once

#include <string>
#include <string_view>

#include "runtime/result.h"
#include "sinks/formats/template.h"

namespace portcall::sinks {

// What is wrong with a topic's name; empty: Kafka takes it.
std::string WhyBadTopic(std::string_view name);
// A topic is made of {{action}} and {{kind}} alone, so that no name that was pushed makes one. kInvalid: another word.
Result<Template> ParseTopic(std::string_view text);

}  // namespace portcall::sinks
