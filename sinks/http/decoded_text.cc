#include "sinks/http/decoded_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace portcall::sinks {
namespace {

// What stands at the beginning of a text: `size` bytes of it mean `bytes`.
struct Unit {
  std::size_t size = 0;  // 0: no escape
  std::string bytes;
  bool unfinished = false;  // an escape may begin here, but the text ends first
};
using Rule = Unit (*)(std::string_view rest);

Unit Unfinished() {
  Unit unit;
  unit.unfinished = true;
  return unit;
}

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::optional<std::uint32_t> Number(std::string_view digits, int base) {
  std::uint32_t number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc() || stop != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::string Utf8(std::uint32_t code) {
  const auto byte = [](std::uint32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | code >> 6), byte(0x80 | (code & 0x3F))};
  if (code < 0x10000) return {byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
  return {byte(0xF0 | (code >> 18 & 7)), byte(0x80 | (code >> 12 & 0x3F)), byte(0x80 | (code >> 6 & 0x3F)),
          byte(0x80 | (code & 0x3F))};
}

// `size` hex digits behind a prefix.
Unit HexDigits(std::string_view rest, std::size_t prefix, std::size_t size) {
  const std::string_view digits = rest.substr(prefix, size);
  if (!std::ranges::all_of(digits, IsHex)) return {};
  if (digits.size() < size) return Unfinished();
  return {prefix + size, std::string(digits)};
}

Unit Percent(std::string_view rest) {
  if (rest.front() != '%') return {};
  Unit unit = HexDigits(rest, 1, 2);
  if (unit.size > 0) unit.bytes = {static_cast<char>(static_cast<unsigned char>(*Number(unit.bytes, 16)))};
  return unit;
}

Unit Form(std::string_view rest) { return rest.front() == '+' ? Unit{1, " "} : Percent(rest); }

// RFC 8259 §7, with pairs of surrogates.
Unit Json(std::string_view rest) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  if (rest.front() != '\\') return {};
  if (rest.size() == 1) return Unfinished();
  if (const auto at = kEscapes.find(rest[1]); at != std::string_view::npos) return {2, {kMeant[at]}};
  if (rest[1] != 'u') return {};
  Unit unit = HexDigits(rest, 2, 4);
  if (unit.size == 0) return unit;
  std::uint32_t code = *Number(unit.bytes, 16);
  if (code >= 0xD800 && code < 0xDC00) {
    const std::string_view low = rest.substr(6);
    if (low.size() < 6 && std::string_view("\\u").starts_with(low.substr(0, 2))) return Unfinished();
    const Unit second = low.starts_with("\\u") ? HexDigits(low, 2, 4) : Unit{};
    if (second.size == 0) return {};
    code = 0x10000 + ((code & 0x3FF) << 10 | (*Number(second.bytes, 16) & 0x3FF));
    unit.size = 12;
  }
  unit.bytes = Utf8(code);
  return unit;
}

Unit Html(std::string_view rest) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNames{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  constexpr std::size_t kLongest = 10;
  if (rest.front() != '&') return {};
  const auto semicolon = rest.substr(0, kLongest).find(';');
  if (semicolon == std::string_view::npos) return rest.size() < kLongest ? Unfinished() : Unit{};
  const std::string_view name = rest.substr(1, semicolon - 1);
  for (const auto& [known, meant] : kNames) {
    if (name == known) return {semicolon + 1, {meant}};
  }
  if (!name.starts_with('#')) return {};
  const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
  const auto code = Number(name.substr(hex ? 2 : 1), hex ? 16 : 10);
  if (!code) return {};
  return {semicolon + 1, Utf8(*code)};
}

constexpr std::array<Rule, 4> kRules{Percent, Form, Json, Html};

// Nothing: there is no escape of this kind.
std::optional<DecodedText> Read(const DecodedText& from, Rule rule, bool cut) {
  DecodedText read;
  bool found = false;
  for (std::size_t i = 0; i < from.text.size();) {
    Unit unit = rule(std::string_view(from.text).substr(i));
    if (unit.unfinished && cut) {
      found = true;
      break;
    }
    if (unit.size > 0) {
      found = true;
    } else {
      unit = {1, {from.text[i]}};
    }
    read.text += unit.bytes;
    read.begin.resize(read.text.size(), from.begin[i]);
    read.end.resize(read.text.size(), from.end[i + unit.size - 1]);
    i += unit.size;
  }
  return found ? std::optional(std::move(read)) : std::nullopt;
}

}  // namespace

std::vector<DecodedText> ReadingsOf(std::string_view text, bool cut) {
  DecodedText as_is;
  as_is.text = text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    as_is.begin.push_back(i);
    as_is.end.push_back(i + 1);
  }
  std::vector<DecodedText> readings;
  for (const Rule outer : kRules) {
    auto once = Read(as_is, outer, cut);
    if (!once) continue;
    for (const Rule inner : kRules) {
      if (auto twice = Read(*once, inner, cut)) readings.push_back(std::move(*twice));
    }
    readings.push_back(std::move(*once));
  }
  readings.push_back(std::move(as_is));
  return readings;
}

}  // namespace portcall::sinks
