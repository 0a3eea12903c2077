#include "sinks/inspection.h"

#include <utility>

#include "config/hidden.h"
#include "config/kind.h"

namespace portcall::sinks {

runtime::Findings Inspect(const config::Endpoint& endpoint, std::chrono::milliseconds patience) {
  const auto* kind = dynamic_cast<const Inspectable*>(endpoint.kind);
  if (kind == nullptr) return {};
  runtime::Findings found = kind->Inspect(endpoint, patience);
  for (runtime::Finding& one : found) {
    one.what = config::Hidden(std::move(one.what), endpoint.hidden);
    one.how = config::Hidden(std::move(one.how), endpoint.hidden);
    one.todo = config::Hidden(std::move(one.todo), endpoint.hidden);
  }
  return found;
}

std::vector<std::string> SecretFilesOf(const config::Endpoint& endpoint) {
  const auto* kind = dynamic_cast<const Inspectable*>(endpoint.kind);
  return kind == nullptr ? std::vector<std::string>() : kind->SecretFiles(endpoint);
}

}  // namespace portcall::sinks
