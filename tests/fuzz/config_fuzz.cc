#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.h"
#include "sinks/kinds.h"

// Any bytes, as a file and as the value of a variable, end in a configuration or in a finding that says why not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace portcall::config;
  std::string text(data, data + size);
  Loaded file = Parse(text, "fuzz.yml", {}, Strictness::kCheck, portcall::sinks::Kinds());
  if (!file.config && file.problems.empty()) std::abort();
  for (const Problem& problem : file.problems) {
    if (problem.message.empty()) std::abort();
  }
  Loaded variable = Parse("version: 0.1", "fuzz.yml", {{"REGISTRY_NOTIFICATIONS", text}}, Strictness::kServe,
                          portcall::sinks::Kinds());
  if (!variable.config && variable.problems.empty()) std::abort();
  return 0;
}
