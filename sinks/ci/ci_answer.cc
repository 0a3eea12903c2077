#include "sinks/ci/ci_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/text.h"
#include "sinks/http/answer.h"

namespace portcall::sinks {
namespace {

using Json = nlohmann::json;

void Collect(const Json& json, std::span<const std::string> place, std::vector<std::string>& found) {
  if (place.empty()) {
    if (json.is_string()) found.push_back(json.get<std::string>());
    if (json.is_number() || json.is_boolean()) found.push_back(json.dump());
  } else if (place.front() == "*") {
    if (!json.is_structured()) return;
    for (const Json& member : json) Collect(member, place.subspan(1), found);
  } else if (json.is_object()) {
    if (const auto at = json.find(place.front()); at != json.end()) Collect(*at, place.subspan(1), found);
  }
}

// The members, where the place has its first `*`, of which `equals` stands nowhere at the rest of the place.
void CollectOthers(const Json& json, std::span<const std::string> place, const std::string& equals,
                   std::vector<std::string>& names) {
  if (place.empty() || !json.is_object()) return;
  if (place.front() != "*") {
    if (const auto at = json.find(place.front()); at != json.end()) {
      CollectOthers(*at, place.subspan(1), equals, names);
    }
    return;
  }
  for (const auto& [name, member] : json.items()) {
    std::vector<std::string> values;
    Collect(member, place.subspan(1), values);
    if (std::ranges::find(values, equals) == values.end()) names.push_back(name);
  }
}

bool IsPartly(const CiPreset& preset, const CiReply& reply) {
  if (preset.partly.status == 0 || reply.status != preset.partly.status) return false;
  const auto values = ValuesAt(reply.body, preset.partly.at);
  return std::ranges::find(values, preset.partly.equals) != values.end();
}

bool Holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// What a success says of itself; makes a delivery something else where the preset wants more. Of one that was cut only
// its beginning can be judged: a page that is none of the system's.
void JudgeAnswer(const CiPreset& preset, const CiReply& reply, Outcome& outcome) {
  const std::string_view body = runtime::Trim(reply.body, " \t\r\n");
  if ((preset.answer.at.empty() || reply.cut) && body.empty()) return;
  const bool page = body.starts_with('<');
  if (reply.cut && !page) return;
  if (page || !Json::accept(body)) {
    outcome.verdict = Verdict::kFailed;
    outcome.error = outcome.status_text + ": the answer is no JSON; is the url that of " + preset.name + " itself?";
    return;
  }
  if (preset.answer.at.empty()) return;
  const auto values = ValuesAt(body, preset.answer.at);
  if (std::ranges::find(values, preset.answer.equals) != values.end()) return;
  outcome.verdict = Verdict::kRejected;
  outcome.error = outcome.status_text + ": " + preset.answer.complaint;
}

}  // namespace

std::vector<std::string> ValuesAt(std::string_view json, const std::vector<std::string>& place) {
  std::vector<std::string> found;
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_discarded()) Collect(parsed, place, found);
  return found;
}

std::vector<std::string> NotStarted(const CiPreset& preset, const CiReply& reply) {
  std::vector<std::string> names;
  if (!IsPartly(preset, reply)) return names;
  CollectOthers(Json::parse(reply.body, nullptr, false), preset.partly.at, preset.partly.equals, names);
  return names;
}

Outcome JudgeCi(const CiPreset& preset, const CiReply& reply) {
  Outcome outcome;
  outcome.status = reply.status;
  outcome.status_text = StatusText(reply.status);
  const bool redirected = preset.redirect.status == reply.status && Holds(reply.location, preset.redirect.to);
  if (redirected || std::ranges::find(preset.success, reply.status) != preset.success.end()) {
    outcome.verdict = Verdict::kDelivered;
    if (!redirected && preset.answer.any()) JudgeAnswer(preset, reply, outcome);
    return outcome;
  }
  if (IsPartly(preset, reply)) {
    outcome.verdict = Verdict::kDelivered;
    return outcome;
  }
  outcome.verdict = VerdictOf(reply.status);
  if (outcome.verdict == Verdict::kDelivered) {
    if (!preset.filtered.empty() && !ValuesAt(reply.body, preset.filtered).empty()) return outcome;
    outcome.verdict = Verdict::kFailed;
    outcome.error = "answered " + outcome.status_text + ", which is no success for " + preset.name;
    return outcome;
  }
  outcome.error = outcome.status_text;
  if (const auto hint = preset.hints.find(reply.status); hint != preset.hints.end())
    outcome.error += ": " + hint->second;
  for (const auto& [text, what_to_do] : preset.waits) {
    if (!Holds(reply.body, text)) continue;
    outcome.verdict = Verdict::kFailed;
    outcome.blames = Blames::kPart;
    outcome.error = outcome.status_text;
    outcome.error.append(": ").append(text).append(": ").append(what_to_do);
  }
  return outcome;
}

}  // namespace portcall::sinks
