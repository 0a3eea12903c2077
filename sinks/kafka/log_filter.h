#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "runtime/clock.h"

namespace portcall::sinks {

// What librdkafka warns of at every start with our settings, and where a broker has just started: nothing to act on.
bool IsUsual(std::string_view facility, std::string_view text);

// Lets a line through that was not seen lately; numbers make no difference. librdkafka repeats itself at each attempt.
class KafkaLogFilter {
 public:
  bool Admit(std::string_view facility, std::string_view text, runtime::SteadyTime now);
  void Forget() { seen_.clear(); }  // what comes next is news again

 private:
  static constexpr std::size_t kMost = 64;  // then all is forgotten
  static constexpr std::chrono::minutes kFor{10};
  std::unordered_set<std::string> seen_;
  runtime::SteadyTime since_{};
};

}  // namespace portcall::sinks
