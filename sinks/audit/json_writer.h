#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "sinks/formats/go_json.h"

namespace portcall::sinks::audit {

// Writes one JSON object, member after member, on one line. Keys are plain words.
class JsonWriter {
 public:
  void Begin() { text_ += '{'; }
  void Begin(std::string_view key) {
    Key(key);
    text_ += '{';
  }
  void End() { text_ += '}'; }
  void Text(std::string_view key, std::string_view value) {
    Key(key);
    AppendGoString(text_, value);
  }
  void OptionalText(std::string_view key, std::string_view value) {
    if (!value.empty()) Text(key, value);
  }
  void TextList(std::string_view key, std::string_view only) {
    Key(key);
    text_ += '[';
    AppendGoString(text_, only);
    text_ += ']';
  }
  void Number(std::string_view key, std::int64_t value) {
    Key(key);
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    text_.append(digits, end);
  }
  void OptionalNumber(std::string_view key, std::int64_t value) {
    if (value != 0) Number(key, value);
  }
  void Flag(std::string_view key, bool value) {
    Key(key);
    text_ += value ? "true" : "false";
  }
  std::string Take() { return std::move(text_); }

 private:
  void Key(std::string_view key) {
    if (text_.back() != '{') text_ += ',';
    text_ += '"';
    text_ += key;
    text_ += "\":";
  }
  std::string text_;
};

}  // namespace portcall::sinks::audit
