#include "runtime/log_format.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>

namespace portcall::runtime {
namespace {

using Sorted = std::map<std::string, std::string_view, std::less<>>;

// The character at the front of `text`, with its length in bytes; 0 bytes when it is not UTF-8.
struct Rune {
  char32_t value = 0;
  std::size_t size = 0;
};

Rune FirstRune(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 && lead < 0xf5   ? 4
                           : lead >= 0xe0 && lead < 0xf0 ? 3
                           : lead >= 0xc2 && lead < 0xe0 ? 2
                                                         : 0;
  if (size == 0 || text.size() < size) return {};
  std::uint32_t value = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
  return {value, size};
}

// Controls and invisible or direction-changing characters, with which a request could forge or hide lines.
bool IsPrintable(char32_t c) {
  return c >= 0x20 && (c < 0x7f || c > 0xa0) && c != 0xad && !(c >= 0x200b && c <= 0x200f) &&
         !(c >= 0x2028 && c <= 0x202f) && !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xfff9 && c <= 0xfffb);
}

template <class... Args>
void Append(std::string& out, const char* format, Args... args) {
  char text[16];
  out.append(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, format, args...)));
}

// As Go's strconv.Quote: what logrus prints.
void AppendQuoted(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const Rune rune = FirstRune(text);
    if (rune.size == 0) {
      Append(out, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(text[0])));
      text.remove_prefix(1);
      continue;
    }
    constexpr std::string_view kEscaped = "\"\\\a\b\f\n\r\t\v";
    const std::size_t special = rune.size == 1 ? kEscaped.find(text[0]) : std::string_view::npos;
    if (special != std::string_view::npos) {
      out.push_back('\\');
      out.push_back("\"\\abfnrtv"[special]);
    } else if (IsPrintable(rune.value)) {
      out.append(text.substr(0, rune.size));
    } else {
      Append(out, rune.value < 0x80 ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(rune.value));
    }
    text.remove_prefix(rune.size);
  }
  out.push_back('"');
}

void AppendJsonString(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const Rune rune = FirstRune(text);
    if (rune.size == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
    const std::size_t special = rune.size == 1 ? kEscaped.find(text[0]) : std::string_view::npos;
    if (special != std::string_view::npos) {
      out.push_back('\\');
      out.push_back("\"\\bfnrt"[special]);
    } else if (IsPrintable(rune.value)) {
      out.append(text.substr(0, rune.size));
    } else {
      Append(out, "\\u%04x", static_cast<unsigned>(rune.value));
    }
    text.remove_prefix(rune.size);
  }
  out.push_back('"');
}

bool NeedsQuoting(std::string_view text) {
  return !std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._/@^+").find(c) != std::string_view::npos;
  });
}

void AppendPair(std::string& out, std::string_view key, std::string_view value) {
  if (!out.empty()) out.push_back(' ');
  out += key;
  out.push_back('=');
  if (NeedsQuoting(value)) {
    AppendQuoted(out, value);
  } else {
    out += value;
  }
}

// `reserved` are the line's own keys; a field of such a name is shown as fields.NAME.
Sorted Merge(const LogOptions& options, std::span<const LogField> fields, std::span<const std::string_view> reserved) {
  Sorted sorted;
  const auto put = [&](std::string_view key, std::string_view value) {
    const bool clash = std::find(reserved.begin(), reserved.end(), key) != reserved.end();
    sorted.insert_or_assign((clash ? "fields." : "") + std::string(key), value);
  };
  for (const auto& [key, value] : options.fields) put(key, value);
  for (const LogField& field : fields) put(field.key, field.value);
  return sorted;
}

std::string Text(const LogOptions& options, std::string_view time, Level level, std::string_view message,
                 std::span<const LogField> fields) {
  constexpr std::string_view kReserved[] = {"time", "level", "msg"};
  std::string line;
  line.reserve(256);
  AppendPair(line, "time", time);
  AppendPair(line, "level", NameOf(level));
  AppendPair(line, "msg", message);
  for (const auto& [key, value] : Merge(options, fields, kReserved)) AppendPair(line, key, value);
  return line;
}

std::string Json(const Sorted& pairs) {
  std::string line = "{";
  for (const auto& [key, value] : pairs) {
    if (line.size() > 1) line.push_back(',');
    AppendJsonString(line, key);
    line.push_back(':');
    AppendJsonString(line, value);
  }
  line.push_back('}');
  return line;
}

}  // namespace

std::string_view NameOf(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warning";
    case Level::kError:
      return "error";
    case Level::kFatal:
      return "fatal";
  }
  return "info";
}

std::string FormatLine(const LogOptions& options, std::string_view time, Level level, std::string_view message,
                       std::span<const LogField> fields) {
  std::string line;
  if (options.formatter == "json") {
    constexpr std::string_view kReserved[] = {"time", "level", "msg"};
    Sorted pairs = Merge(options, fields, kReserved);
    pairs["time"] = time;
    pairs["level"] = NameOf(level);
    pairs["msg"] = message;
    line = Json(pairs);
  } else if (options.formatter == "logstash") {
    constexpr std::string_view kReserved[] = {"@timestamp", "@version", "level", "message"};
    Sorted pairs = Merge(options, fields, kReserved);
    pairs["@timestamp"] = time;
    pairs["@version"] = "1";
    pairs["level"] = NameOf(level);
    pairs["message"] = message;
    line = Json(pairs);
  } else {
    line = Text(options, time, level, message, fields);
  }
  line.push_back('\n');
  return line;
}

}  // namespace portcall::runtime
