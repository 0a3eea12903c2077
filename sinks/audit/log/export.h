#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/result.h"
#include "sinks/audit/log/record.h"
#include "sinks/audit/log/verify.h"

namespace portcall::sinks::audit {

enum class ExportFormat { kJsonLines, kEcs, kCsv };

struct ExportOptions {
  std::filesystem::path folder;
  ExportFormat format = ExportFormat::kJsonLines;
  std::string since, until;  // of `recorded`, as Rfc3339Fixed() writes it; empty: no bound; until is exclusive
  std::string repository, actor, action;  // the first a glob; empty: all
  std::function<void(const VerifyProgress&)> progress;
};

// Hands on the records that fit, one text at a time, which ends its line. Records that have the wanted format already
// go as they stand, so that their hashes can still be checked. `write` says false to stop. The number of records handed
// on; kInvalid: a line is no record, for which `verify` is the tool.
Result<std::uint64_t> Export(const ExportOptions& options, const std::function<bool(std::string_view)>& write);

}  // namespace portcall::sinks::audit
