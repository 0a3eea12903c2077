#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace portcall::runtime {

// Text as protocols and files have it: ASCII, whatever the locale. Bytes from 0x80 on are no letters and no controls.
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLowerLetter(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool IsLetter(char c) { return IsLowerLetter(c) || (c >= 'A' && c <= 'Z'); }
constexpr bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool IsAlphanumeric(char c) { return IsLetter(c) || IsDigit(c); }
constexpr bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
constexpr char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string LowerCase(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool IsDigits(std::string_view text);  // at least one, and nothing else
bool HasControl(std::string_view text);
// `text` without the `blanks` at its start and end.
std::string_view Trim(std::string_view text, std::string_view blanks = " \t");

// A number that is all of `text`: no blanks, no plus sign. Nothing for others, and for those that T cannot hold.
template <std::integral T>
std::optional<T> ParseNumber(std::string_view text, int base = 10) {
  T number = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// The words of a list, as messages show them.
template <class Words>
std::string Joined(const Words& words, std::string_view separator = ", ") {
  std::string text;
  bool first = true;
  for (const auto& word : words) {
    if (!first) text += separator;
    first = false;
    text += word;
  }
  return text;
}

void AppendHex(std::string& out, unsigned char byte);  // two lower-case digits

// The character at the front of a text that is not empty, with its length in bytes; 0 bytes: it is no UTF-8 (RFC 3629:
// the shortest form, no surrogates).
struct Rune {
  char32_t value = 0;
  std::size_t size = 0;
};
Rune FirstRune(std::string_view text);

}  // namespace portcall::runtime
