#include "sinks/http/rate_limit.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "runtime/text.h"
#include "sinks/http/answer.h"
#include "sinks/http/retry_after.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::int64_t kFirstTime = 1'000'000'000;  // a number of seconds from here on is a time: 2001
constexpr milliseconds kLeast = 1s;
// Where the two clocks differ, a limit may seem to be over that is not.
constexpr milliseconds kLeastUntilTime = 10s;
// GitHub's word for limits that say no time: "wait for at least one minute".
constexpr milliseconds kUntold = 1min;

std::optional<milliseconds> UntilReset(std::string_view field, runtime::WallTime now) {
  field = runtime::Trim(field);
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), seconds);
  if (error != std::errc() || seconds < 0) return std::nullopt;
  if (stop != field.data() + field.size()) return std::nullopt;
  constexpr std::int64_t kMost = 30 * 86'400;
  if (seconds < kFirstTime) return std::max<milliseconds>(kLeast, std::chrono::seconds(std::min(seconds, kMost)));
  const auto today = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return std::max<milliseconds>(kLeastUntilTime, std::chrono::seconds(std::min(seconds - today, kMost)));
}

}  // namespace

std::optional<milliseconds> RateLimitOf(const http::Incoming& answer, runtime::WallTime now) {
  if (answer.status != 403 && answer.status != 429) return std::nullopt;
  const auto asked = ParseRetryAfter(answer.retry_after, now);
  if (asked) return std::max(kLeast, *asked);
  const bool spent = answer.status == 429 || runtime::Trim(answer.rate_remaining) == "0";
  if (const auto wait = UntilReset(answer.rate_reset, now); spent && wait) return wait;
  const std::string said = runtime::LowerCase(std::string_view(answer.body).substr(0, kKeepAnswer));
  if (said.find("rate limit") != std::string::npos) return kUntold;
  return std::nullopt;
}

}  // namespace portcall::sinks
