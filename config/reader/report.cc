#include "config/reader/report.h"

#include <algorithm>
#include <string_view>

#include "config/hidden.h"

namespace portcall::config {
namespace {

// How many characters of `hidden` stand at the front of `text`, as far as it has any of its parts of that length.
std::size_t PartAt(std::string_view text, std::string_view hidden) {
  std::size_t longest = 0;
  const std::string_view begin = text.substr(0, kShortestHidden);
  for (auto at = hidden.find(begin); at != std::string_view::npos; at = hidden.find(begin, at + 1)) {
    std::size_t same = 0;
    while (same < text.size() && at + same < hidden.size() && text[same] == hidden[at + same]) ++same;
    longest = std::max(longest, same);
  }
  return longest;
}

// Readers take values apart and quote their beginnings: every part of a hidden text goes.
std::string WithoutParts(std::string_view message, const std::vector<std::string>& hidden) {
  std::string shown;
  while (message.size() >= kShortestHidden) {
    std::size_t part = 0;
    for (const std::string& text : hidden) part = std::max(part, PartAt(message, text));
    const bool goes = part >= kShortestHidden;
    if (goes) {
      shown += kHiddenMark;
    } else {
      shown += message.front();
    }
    message.remove_prefix(goes ? part : 1);
  }
  return shown.append(message);
}

}  // namespace

void Report::Add(Severity severity, const Place& place, std::string key, std::string message) {
  if (severity == Severity::kError) ++errors_;
  if (place.hidden) message = WithoutParts(message, *place.hidden);
  message = Hidden(std::move(message), hidden_);
  key = Hidden(std::move(key), hidden_);
  problems_.push_back({severity, place.source ? *place.source : std::string(), place.line, place.column, std::move(key),
                       std::move(message)});
}

std::string Problem::Text() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!text.empty()) text += ": ";
  text += severity == Severity::kError ? "error: " : "warning: ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

}  // namespace portcall::config
