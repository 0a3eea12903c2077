#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/log.h"

namespace portcall::sinks {

// The lines of one endpoint, without what references have brought into its entry. Callable from any thread; the log
// outlives it.
class HidingLog {
 public:
  HidingLog(runtime::Log& log) : log_(&log) {}  // NOLINT(google-explicit-constructor): any log can be one
  HidingLog(runtime::Log& log, std::vector<std::string> hidden) : log_(&log), hidden_(std::move(hidden)) {}

  using Fields = std::initializer_list<runtime::LogField>;
  void Info(std::string_view message, Fields fields = {}) const { Write(runtime::Level::kInfo, message, fields); }
  void Warn(std::string_view message, Fields fields = {}) const { Write(runtime::Level::kWarn, message, fields); }
  void Error(std::string_view message, Fields fields = {}) const { Write(runtime::Level::kError, message, fields); }
  std::string Hide(std::string text) const;

 private:
  void Write(runtime::Level level, std::string_view message, Fields fields) const;
  runtime::Log* log_;
  std::vector<std::string> hidden_;
};

}  // namespace portcall::sinks
