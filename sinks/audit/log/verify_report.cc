#include <utility>

#include "sinks/audit/log/verify.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::size_t kMostFindings = 50;

}  // namespace

std::string Finding::Text() const {
  std::string text = file;
  if (line > 0) text += ':' + std::to_string(line);
  if (record) text += " (record " + std::to_string(*record) + ')';
  return text + ": " + what;
}

void VerifyReport::Find(Finding finding) {
  if (findings.size() < kMostFindings) {
    findings.push_back(std::move(finding));
  } else {
    ++more;
  }
}

}  // namespace portcall::sinks::audit
