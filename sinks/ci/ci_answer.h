#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sinks/ci/ci_preset.h"
#include "sinks/sink.h"

namespace portcall::sinks {

// What a CI system said.
struct CiReply {
  int status = 0;
  std::string_view body = {}, location = {};
  bool cut = false;  // there was more of the body
};

// What it means, as its preset has it: verdict, status, and the error with the preset's hint. A refusal that the preset
// knows to pass is that of one project (Blames::kPart), even where there is but one. Leaves the answer itself and the
// wait to the caller. Pure.
Outcome JudgeCi(const CiPreset& preset, const CiReply& reply);

// Of a delivery of which the answer says that it is a part of one (CiPartly): the names of what was not started. Empty:
// all was, or it is no such answer.
std::vector<std::string> NotStarted(const CiPreset& preset, const CiReply& reply);

// The texts that stand at a place in a JSON text, where `*` leads to every member or item; numbers and flags as JSON
// writes them. Empty for what is not JSON.
std::vector<std::string> ValuesAt(std::string_view json, const std::vector<std::string>& place);

}  // namespace portcall::sinks
