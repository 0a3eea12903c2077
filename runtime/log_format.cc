#include "runtime/log_format.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>

#include "runtime/json.h"
#include "runtime/text.h"

namespace portcall::runtime {
namespace {

using Sorted = std::map<std::string, std::string_view, std::less<>>;

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

bool NeedsQuoting(std::string_view text) {
  return !std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || std::string_view("-._/@^+").find(c) != std::string_view::npos;
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
    AppendJsonString(line, key, JsonSpelling::kLog);
    line.push_back(':');
    AppendJsonString(line, value, JsonSpelling::kLog);
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
