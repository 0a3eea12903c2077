#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace portcall::app {

struct AuditVerifyOptions {
  std::filesystem::path folder, key, database;
  std::vector<std::filesystem::path> outside;  // --against, --anchor
  std::string endpoint;
  bool json = false, progress = false;
};

// 0: the log is sound; 1: it was changed, which the output says where; 2: it cannot be verified.
int AuditVerify(const AuditVerifyOptions& options, std::ostream& out, std::ostream& err);

struct AuditExportOptions {
  std::filesystem::path folder, output;  // no output: `out`
  std::string format = "jsonl", since, until, repository, actor, action;
  bool progress = false;
};

// 0: all went out; 1: the log is damaged or the output cannot be written; 2: what was asked for makes no sense, or
// cannot be read.
int AuditExport(const AuditExportOptions& options, std::ostream& out, std::ostream& err);

}  // namespace portcall::app
