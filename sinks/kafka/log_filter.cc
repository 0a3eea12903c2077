#include "sinks/kafka/log_filter.h"

namespace portcall::sinks {

bool IsUsual(std::string_view facility, std::string_view text) {
  const auto holds = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
  return holds("Coordinator load in progress") || (facility == "CONFWARN" && holds("enable.gapless.guarantee"));
}

bool KafkaLogFilter::Admit(std::string_view facility, std::string_view text, runtime::SteadyTime now) {
  if (now - since_ > kFor || seen_.size() >= kMost) {
    seen_.clear();
    since_ = now;
  }
  std::string gist(facility);
  for (const char c : text) {
    if (c < '0' || c > '9') gist += c;
  }
  return seen_.insert(std::move(gist)).second;
}

}  // namespace portcall::sinks
