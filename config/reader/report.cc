#include "config/reader/report.h"

namespace portcall::config {

void Report::Add(Severity severity, const Place& place, std::string key, std::string message) {
  if (severity == Severity::kError) ++errors_;
  problems_.push_back({severity, place.source ? *place.source : std::string(), place.line, place.column, std::move(key),
                       std::move(message)});
}

std::string Problem::Text() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!text.empty()) text += ": ";
  text += severity == Severity::kError ? "error: " : "warning: ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

}  // namespace portcall::config
