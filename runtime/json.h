#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace portcall::runtime {

// How strings are escaped. Parsers read all three alike; they differ for receivers that compare bytes and for people
// who read lines.
enum class JsonSpelling {
  kPlain,  // only what JSON demands is escaped; what is no UTF-8 becomes U+FFFD
  kGo,     // as Go's encoding/json: also <, >, &, U+2028 and U+2029; each byte that is no UTF-8 becomes \ufffd
  kLog,    // also every invisible character, with which a request could forge or hide lines; else as kGo
};

// What of a text needs escaping inside a JSON string: nothing; only quotes and backslashes; other characters too.
enum class JsonContent { kPlain, kQuoted, kOther };
JsonContent ContentOf(std::string_view text);

void AppendJsonString(std::string& out, std::string_view text, JsonSpelling spelling);

// Whether a character may stand in a line that operators read.
bool IsPrintable(char32_t c);

// Appends a JSON text to `out`, which must outlive it, and puts the commas. Keys are plain words: they are not escaped.
class JsonWriter {
 public:
  // With an indent every member and element has a line of its own; 0: all on one line.
  explicit JsonWriter(std::string& out, JsonSpelling spelling, std::size_t indent = 0)
      : out_(out), spelling_(spelling), indent_(indent) {}

  void Begin() {  // an object, as the whole text or as an element of a list
    Separate();
    Open('{');
  }
  void Begin(std::string_view key) {
    Key(key);
    Open('{');
  }
  void End() { Close('}'); }
  void BeginList(std::string_view key) {
    Key(key);
    Open('[');
  }
  void EndList() { Close(']'); }
  void Item(std::string_view text) {  // of a list
    Separate();
    AppendJsonString(out_, text, spelling_);
  }

  void Text(std::string_view key, std::string_view value) {
    Key(key);
    AppendJsonString(out_, value, spelling_);
  }
  void OptionalText(std::string_view key, std::string_view value) {
    if (!value.empty()) Text(key, value);
  }
  void TextList(std::string_view key, std::string_view only) {
    BeginList(key);
    Item(only);
    EndList();
  }
  void Number(std::string_view key, std::int64_t value);
  void OptionalNumber(std::string_view key, std::int64_t value) {
    if (value != 0) Number(key, value);
  }
  void Flag(std::string_view key, bool value) { Raw(key, value ? "true" : "false"); }
  void Raw(std::string_view key, std::string_view json) {  // any value, written already
    Key(key);
    out_ += json;
  }

 private:
  void Key(std::string_view key) {
    Separate();
    out_ += '"';
    out_ += key;
    out_ += indent_ == 0 ? std::string_view("\":") : std::string_view("\": ");
  }
  void Separate() {  // before a member or an element
    if (!empty_) out_ += ',';
    if (depth_ > 0) NewLine();
    empty_ = false;
  }
  void Open(char bracket) {
    out_ += bracket;
    ++depth_;
    empty_ = true;
  }
  void Close(char bracket) {
    --depth_;
    if (!empty_) NewLine();
    out_ += bracket;
    empty_ = false;
  }
  void NewLine() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(depth_ * indent_, ' ');
  }

  std::string& out_;
  const JsonSpelling spelling_;
  const std::size_t indent_;
  std::size_t depth_ = 0;
  bool empty_ = true;  // nothing stands in the innermost object or list yet
};

// The text of one of nlohmann's values, on one line; what is no UTF-8 becomes U+FFFD.
template <class Json>
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace portcall::runtime
