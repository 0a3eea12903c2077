#include "config/reader/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <vector>

#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::config {
namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;
constexpr Millis kLongest = std::chrono::hours(87'600);

using runtime::IsDigit;

Error Invalid(std::string detail) { return {Errc::kInvalid, std::move(detail)}; }

struct Unit {
  std::string_view name;
  std::int64_t nanos;
};
// Longest names first: "ms" is not "m".
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"µs", 1'000},  // micro sign
                                      {"μs", 1'000},  // Greek mu
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};

// One "90.5s" from the front of `rest`; its nanoseconds, or nothing when it is none.
std::optional<double> TakeTerm(std::string_view& rest) {
  double number = 0;
  auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
  if (failure != std::errc() || !(IsDigit(rest.front()) || rest.front() == '.')) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  for (const Unit& unit : kUnits) {
    if (!rest.starts_with(unit.name)) continue;
    rest.remove_prefix(unit.name.size());
    return number * static_cast<double>(unit.nanos);
  }
  return std::nullopt;
}

Result<ReadDuration> FromNanos(double nanos, std::string remark) {
  double millis = std::ceil(nanos / static_cast<double>(kNanosPerMilli));
  if (!(millis <= static_cast<double>(kLongest.count()))) return Invalid("is longer than ten years");
  return ReadDuration{Millis(static_cast<std::int64_t>(std::max(millis, 0.0))), std::move(remark)};
}

Result<ReadDuration> FromBareNumber(std::string_view text, std::int64_t number) {
  if (number <= 0) return ReadDuration{};
  std::string digits(text);
  if (number < 100) {
    return Invalid(digits + " has no unit: write " + digits + "s for seconds, or " + digits + "ms for milliseconds");
  }
  bool millis = number < kNanosPerMilli;
  auto read =
      FromNanos(static_cast<double>(millis ? number : 1) * static_cast<double>(millis ? kNanosPerMilli : number), "");
  if (!read) return read;
  std::string meant = runtime::ShowDuration(read->value);
  read->remark = millis ? digits + " has no unit and is read as milliseconds (" + meant +
                              "); Distribution reads nanoseconds: write " + meant
                        : digits + " has no unit and is read as nanoseconds, as Distribution does: write " + meant;
  return read;
}

std::string_view SplitNumber(std::string_view& rest) {
  std::size_t digits = rest.find_first_not_of("0123456789.");
  std::string_view number = rest.substr(0, digits);
  rest.remove_prefix(number.size());
  return number;
}

std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1), above(b.size() + 1), above2(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    above2.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], above2[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

Result<ReadDuration> ParseDuration(std::string_view text) {
  if (auto whole = ParseWhole(text)) return FromBareNumber(text, *whole);
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  double nanos = 0;
  bool valid = !rest.empty();
  while (valid && !rest.empty()) {
    auto term = TakeTerm(rest);
    valid = term.has_value();
    nanos += term.value_or(0);
  }
  const bool tiny = valid && !negative && nanos > 0 && nanos < static_cast<double>(kNanosPerMilli);
  if (valid) return FromNanos(negative ? 0 : nanos, tiny ? "is read as 1ms: nothing shorter counts" : "");
  rest = text;
  std::string_view number = SplitNumber(rest);
  if (!number.empty() && (rest == "d" || rest == "w") && number.size() < 5 && ParseWhole(number)) {
    std::int64_t hours = *ParseWhole(number) * (rest == "d" ? 24 : 168);
    return Invalid("days and weeks are no units here: write " + std::to_string(hours) + "h");
  }
  if (!number.empty() && rest.empty()) {
    return Invalid(Quoted(text) + " has no unit: write " + std::string(number) + "s for seconds");
  }
  return Invalid(Quoted(text) + " is not a duration; write 500ms, 10s or 1h30m");
}

Result<std::uint64_t> ParseSize(std::string_view text) {
  std::string_view rest = text;
  std::string_view digits = SplitNumber(rest);
  double number = 0;
  auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
  bool valid = !digits.empty() && failure == std::errc() && end == digits.data() + digits.size();
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  double factor = 1;
  if (!rest.empty() && rest != "B") {
    std::size_t power = std::string_view("KMGT").find(rest.front() == 'k' ? 'K' : rest.front());
    std::string_view suffix = rest.substr(1);
    valid = valid && power != std::string_view::npos && (suffix.empty() || suffix == "B" || suffix == "iB");
    factor = std::pow(suffix == "B" ? 1000.0 : 1024.0, static_cast<double>(power % 4) + 1);
  }
  if (!valid) return Invalid(Quoted(text) + " is not a size; write 256MiB or 10GiB");
  if (number * factor > 9e18) return Invalid("is larger than any volume");
  return static_cast<std::uint64_t>(number * factor);
}

std::optional<bool> ParseFlag(std::string_view text) {
  if (text.size() > 5) return std::nullopt;
  const std::string word = runtime::LowerCase(text);
  if (word == "true" || word == "yes" || word == "on" || word == "y") return true;
  if (word == "false" || word == "no" || word == "off" || word == "n") return false;
  return std::nullopt;
}

std::optional<std::int64_t> ParseWhole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    return std::nullopt;  // octal to some readers, decimal to others
  }
  std::string digits(text);
  if (digits.starts_with('_')) return std::nullopt;
  std::erase(digits, '_');
  std::int64_t number = 0;
  auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (digits.empty() || digits.front() == '-' || failure != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return negative ? -number : number;
}

std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  if (word.size() > 64) return best;
  for (std::string_view candidate : candidates) {
    if (word.size() > 3 && candidate.starts_with(word)) return candidate;
  }
  std::size_t limit = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    std::size_t distance = Distance(runtime::LowerCase(word), runtime::LowerCase(candidate));
    if (distance < limit) {
      limit = distance;
      best = candidate;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view near = Nearest(word, candidates);
  return near.empty() ? "" : "; did you mean " + std::string(near) + "?";
}

std::string Quoted(std::string_view text) {
  std::string shown = "\"";
  for (char c : text.substr(0, 60)) shown += runtime::IsControl(c) ? '?' : c;
  return shown + (text.size() > 60 ? "…\"" : "\"");
}

}  // namespace portcall::config
