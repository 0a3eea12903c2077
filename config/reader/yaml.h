#pragma once

#include <string>
#include <string_view>

#include "config/reader/node.h"
#include "config/reader/report.h"

namespace portcall::config {

// Parses the first document of `text` into `root`. False when it is not YAML, or deeper (64) or larger (20,000 keys
// and values, aliases counted as often as they stand; 1,000 keys in one map) than any configuration; the reason is in
// `report`. Keys that stand twice in one map are reported, and the last one counts. `with_lines` is false for values of
// environment variables.
bool ParseYaml(const std::string& text, std::string_view source, bool with_lines, Report& report, Value& root);

}  // namespace portcall::config
