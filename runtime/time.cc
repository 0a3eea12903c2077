#include "runtime/time.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/text.h"

namespace portcall::runtime {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

void PutDigits(std::string& text, std::size_t at, std::size_t digits, std::int64_t value) {
  for (std::size_t i = at + digits; i > at; value /= 10) text[--i] = static_cast<char>('0' + value % 10);
}

// value/unit as a decimal number without trailing zeros; `unit` is a power of ten.
std::string Fraction(std::uint64_t value, std::uint64_t unit) {
  std::string text = std::to_string(value / unit);
  std::uint64_t rest = value % unit;
  if (rest == 0) return text;
  text += '.';
  for (std::uint64_t place = unit / 10; rest > 0; place /= 10) {
    text += static_cast<char>('0' + rest / place);
    rest %= place;
  }
  return text;
}

// Two digits at `at`, in a text known to hold digits there.
int TwoDigits(std::string_view text, std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); }

bool HasShape(std::string_view text, std::string_view shape) {
  return text.size() == shape.size() &&
         std::ranges::equal(text, shape, [](char c, char wanted) { return wanted == '0' ? IsDigit(c) : c == wanted; });
}

// The fraction of a second at the front of `rest`, in nanoseconds; nothing: a point without digits.
std::optional<std::int64_t> TakeFraction(std::string_view& rest) {
  if (!rest.starts_with('.')) return 0;
  std::int64_t nanos = 0;
  std::size_t digits = 1;
  for (std::int64_t unit = kNanosPerSecond / 10; digits < rest.size() && IsDigit(rest[digits]); ++digits, unit /= 10) {
    nanos += (rest[digits] - '0') * unit;
  }
  if (digits == 1) return std::nullopt;
  rest.remove_prefix(digits);
  return nanos;
}

std::optional<std::chrono::minutes> ParseZone(std::string_view zone) {
  if (zone == "Z" || zone == "z") return std::chrono::minutes(0);
  if (!HasShape(zone, "+00:00") && !HasShape(zone, "-00:00")) return std::nullopt;
  const int hours = TwoDigits(zone, 1), minutes = TwoDigits(zone, 4);
  if (hours > 23 || minutes > 59) return std::nullopt;
  const std::chrono::minutes offset(hours * 60 + minutes);
  return zone.front() == '-' ? -offset : offset;
}

}  // namespace

std::string Rfc3339Fixed(std::int64_t unix_nanos) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds(unix_nanos)};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string out;
  out.reserve(sizeof "0000-00-00T00:00:00.000000000Z" - 1);
  out = "0000-00-00T00:00:00.000000000Z";
  PutDigits(out, 0, 4, static_cast<int>(date.year()));
  PutDigits(out, 5, 2, static_cast<unsigned>(date.month()));
  PutDigits(out, 8, 2, static_cast<unsigned>(date.day()));
  PutDigits(out, 11, 2, clock.hours().count());
  PutDigits(out, 14, 2, clock.minutes().count());
  PutDigits(out, 17, 2, clock.seconds().count());
  PutDigits(out, 20, 9, clock.subseconds().count());
  return out;
}

std::string Rfc3339Nano(std::int64_t unix_nanos) {
  std::string out = Rfc3339Fixed(unix_nanos);
  out.pop_back();
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  out.push_back('Z');
  return out;
}

std::optional<std::int64_t> ParseRfc3339(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() < kShape.size() || !HasShape(text.substr(0, kShape.size()), kShape)) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(TwoDigits(text, 0) * 100 + TwoDigits(text, 2)),
                                        std::chrono::month(static_cast<unsigned>(TwoDigits(text, 5))),
                                        std::chrono::day(static_cast<unsigned>(TwoDigits(text, 8)))};
  const int hour = TwoDigits(text, 11), minute = TwoDigits(text, 14), second = TwoDigits(text, 17);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: a leap second
  std::string_view rest = text.substr(kShape.size());
  const auto fraction = TakeFraction(rest);
  const auto zone = ParseZone(rest);
  if (!fraction || !zone) return std::nullopt;
  const std::chrono::seconds seconds = std::chrono::sys_days(day).time_since_epoch() + std::chrono::hours(hour) +
                                       std::chrono::minutes(minute) + std::chrono::seconds(second) - *zone;
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() / kNanosPerSecond - 1;
  if (seconds.count() < -kLast || seconds.count() > kLast) return std::nullopt;
  return seconds.count() * kNanosPerSecond + *fraction;
}

std::string GoDuration(std::chrono::nanoseconds duration) {
  const auto nanos = static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
  constexpr std::uint64_t kMicro = 1000, kMilli = 1'000'000, kSecond = 1'000'000'000, kMinute = 60 * kSecond;
  if (nanos == 0) return "0s";
  if (nanos < kMicro) return std::to_string(nanos) + "ns";
  if (nanos < kMilli) return Fraction(nanos, kMicro) + "µs";
  if (nanos < kSecond) return Fraction(nanos, kMilli) + "ms";
  std::string text;
  const std::uint64_t minutes = nanos / kMinute;
  if (minutes >= 60) text += std::to_string(minutes / 60) + "h";
  if (minutes > 0) text += std::to_string(minutes % 60) + "m";
  return text + Fraction(nanos % kMinute, kSecond) + "s";
}

std::string ShowDuration(std::chrono::milliseconds duration) {
  std::int64_t millis = duration.count();
  if (millis == 0) return "0s";
  std::string text;
  for (auto [size, name] : {std::pair{3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}}) {
    if (millis >= size) text += std::to_string(millis / size) + name;
    millis %= size;
  }
  return text;
}

}  // namespace portcall::runtime
