#include "sinks/formats/go_json.h"

#include <array>
#include <cstdint>

namespace portcall::sinks {
namespace {

// Bytes that stand for themselves inside a string.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<std::size_t>(c)] = true;
  for (unsigned char c : {'"', '\\', '<', '>', '&'}) plain[c] = false;
  return plain;
}();

// Length of the UTF-8 sequence at the start of `text`, 0 when it is none (RFC 3629: shortest form, no surrogates).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

void AppendEscaped(std::string& out, unsigned char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

}  // namespace

void AppendGoString(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (kPlain[c]) {
      ++i;
      continue;
    }
    const std::size_t length = c < 0x80 ? 0 : SequenceLength(text.substr(i));
    const std::string_view sequence = text.substr(i, length);
    const bool separator = sequence == "\u2028" || sequence == "\u2029";
    if (length > 0 && !separator) {
      i += length;
      continue;
    }
    out.append(text, start, i - start);
    if (separator) {
      out += sequence == "\u2028" ? "\\u2028" : "\\u2029";
    } else if (c < 0x80) {
      AppendEscaped(out, c);
    } else {
      out += "\\ufffd";
    }
    i += separator ? length : 1;
    start = i;
  }
  out.append(text, start);
  out += '"';
}

}  // namespace portcall::sinks
