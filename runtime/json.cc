#include "runtime/json.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/text.h"

namespace portcall::runtime {
namespace {

void AppendPlainString(std::string& out, std::string_view text) {
  const JsonContent content = ContentOf(text);
  if (content == JsonContent::kOther) {
    out += Dump(nlohmann::json(text));
    return;
  }
  out += '"';
  if (content == JsonContent::kPlain) {
    out += text;
  } else {
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

// The ASCII characters that need no escaping, by their bytes.
using Table = std::array<bool, 256>;
constexpr Table TableOf(std::string_view escaped) {
  Table plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = escaped.find(static_cast<char>(c)) == escaped.npos;
  return plain;
}
constexpr Table kPlainInGo = TableOf("\"\\<>&"), kPlainInLog = TableOf("\"\\\x7f");

void AppendCode(std::string& out, char32_t c) {
  out += "\\u";
  AppendHex(out, static_cast<unsigned char>(c >> 8));
  AppendHex(out, static_cast<unsigned char>(c));
}

void AppendEscaped(std::string& out, char32_t c, std::string_view named, std::string_view names) {
  const std::size_t name = c < 0x80 ? named.find(static_cast<char>(c)) : std::string_view::npos;
  if (name == std::string_view::npos) return AppendCode(out, c);
  out += '\\';
  out += names[name];
}

template <bool go>
void AppendGuardedString(std::string& out, std::string_view text) {
  constexpr const Table& plain = go ? kPlainInGo : kPlainInLog;
  out += '"';
  std::size_t start = 0;  // of the text that needs no escaping
  for (std::size_t i = 0;;) {
    while (i < text.size() && plain[static_cast<unsigned char>(text[i])]) ++i;
    if (i == text.size()) break;
    const Rune rune = FirstRune(text.substr(i));
    if (rune.size > 1 && (go ? rune.value != 0x2028 && rune.value != 0x2029 : IsPrintable(rune.value))) {
      i += rune.size;
      continue;
    }
    out.append(text, start, i - start);
    if (rune.size == 0) {
      out += "\\ufffd";
    } else if (go) {
      AppendEscaped(out, rune.value, "\"\\\n\r\t", "\"\\nrt");
    } else {
      AppendEscaped(out, rune.value, "\"\\\b\f\n\r\t", "\"\\bfnrt");
    }
    i += rune.size == 0 ? 1 : rune.size;
    start = i;
  }
  out.append(text, start);
  out += '"';
}

}  // namespace

bool IsPrintable(char32_t c) {
  return c >= 0x20 && (c < 0x7f || c > 0xa0) && c != 0xad && !(c >= 0x200b && c <= 0x200f) &&
         !(c >= 0x2028 && c <= 0x202f) && !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xfff9 && c <= 0xfffb);
}

JsonContent ContentOf(std::string_view text) {
  // No branch in the loop, and flags of one byte: so the compiler can vectorize it and check 16 bytes at a time.
  std::uint8_t quoted = 0;
  std::uint8_t other = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    quoted |= std::uint8_t{byte == '"'} | std::uint8_t{byte == '\\'};
    other |= std::uint8_t{byte < 0x20} | std::uint8_t{byte >= 0x80};
  }
  if (other != 0) return JsonContent::kOther;
  return quoted != 0 ? JsonContent::kQuoted : JsonContent::kPlain;
}

void AppendJsonString(std::string& out, std::string_view text, JsonSpelling spelling) {
  if (spelling == JsonSpelling::kPlain) return AppendPlainString(out, text);
  if (spelling == JsonSpelling::kGo) return AppendGuardedString<true>(out, text);
  AppendGuardedString<false>(out, text);
}

void JsonWriter::Number(std::string_view key, std::int64_t value) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  Raw(key, {digits, end});
}

}  // namespace portcall::runtime
