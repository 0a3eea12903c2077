#include "sinks/hiding_log.h"

#include <utility>

#include "config/hidden.h"

namespace portcall::sinks {

std::string HidingLog::Hide(std::string text) const { return config::Hidden(std::move(text), hidden_); }

void HidingLog::Write(runtime::Level level, std::string_view message, Fields fields) const {
  std::vector<runtime::LogField> shown;
  for (const runtime::LogField& field : fields) shown.push_back({field.key, Hide(field.value)});
  log_->Write(level, message, shown);
}

}  // namespace portcall::sinks
