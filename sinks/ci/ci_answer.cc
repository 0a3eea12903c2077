#include "sinks/ci/ci_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

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

}  // namespace

std::vector<std::string> ValuesAt(std::string_view json, const std::vector<std::string>& place) {
  std::vector<std::string> found;
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_discarded()) Collect(parsed, place, found);
  return found;
}

Outcome JudgeCi(const CiPreset& preset, int status, std::string_view body) {
  Outcome outcome;
  outcome.status = status;
  outcome.status_text = StatusText(status);

  if (std::ranges::find(preset.success, status) != preset.success.end()) {
    if (!preset.answer.at.empty()) {
      const auto values = ValuesAt(body, preset.answer.at);
      if (std::ranges::find(values, preset.answer.equals) == values.end()) {
        outcome.verdict = Verdict::kRejected;
        outcome.error = outcome.status_text + ": " + preset.answer.complaint;
        return outcome;
      }
    }
    outcome.verdict = Verdict::kDelivered;
    return outcome;
  }
  outcome.verdict = VerdictOf(status);
  if (outcome.verdict == Verdict::kDelivered) {
    outcome.verdict = Verdict::kFailed;
    outcome.error = "answered " + outcome.status_text + ", which is no success for " + preset.name;
  } else {
    outcome.error = outcome.status_text;
    if (status >= 300 && status < 400)
      outcome.error += ": redirect not followed; is the url that of " + preset.name + " itself?";
    if (const auto hint = preset.hints.find(status); hint != preset.hints.end()) outcome.error += ": " + hint->second;
  }
  return outcome;
}

}  // namespace portcall::sinks
