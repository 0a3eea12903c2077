#include "sinks/http/retry_after.h"

#include <time.h>

#include <algorithm>
#include <string>

#include "runtime/text.h"

namespace portcall::sinks {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kMost = std::chrono::days(30);

std::optional<milliseconds> Seconds(std::string_view digits) {
  std::int64_t seconds = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = std::min<std::int64_t>(seconds * 10 + (c - '0'), 1'000'000'000);
  }
  return std::min<milliseconds>(std::chrono::seconds(seconds), kMost);
}

// The three forms; strptime reads English names because the program never sets a locale.
std::optional<std::int64_t> UnixTime(const std::string& date) {
  for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    tm parts{};
    const char* end = strptime(date.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace

std::optional<milliseconds> ParseRetryAfter(std::string_view field, runtime::WallTime now) {
  field = runtime::Trim(field);
  if (field.empty() || field.size() > 64) return std::nullopt;
  if (const auto seconds = Seconds(field)) return seconds;
  const auto date = UnixTime(std::string(field));
  if (!date) return std::nullopt;
  const auto now_ms = std::chrono::duration_cast<milliseconds>(now.time_since_epoch());
  // In milliseconds: the year 9999 in nanoseconds would overflow.
  const auto wait = milliseconds(std::chrono::seconds(*date)) - now_ms;
  return std::clamp(wait, milliseconds(0), kMost);
}

}  // namespace portcall::sinks
