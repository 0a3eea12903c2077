#include "config/hidden.h"

namespace portcall::config {
namespace {

constexpr std::size_t kQuoted = 60;

void Replace(std::string& text, std::string_view what) {
  if (what.size() < kShortestHidden) return;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + kHiddenMark.size())) {
    text.replace(at, what.size(), kHiddenMark);
  }
}

}  // namespace

std::string Hidden(std::string text, std::span<const std::string> hidden) {
  for (const std::string& one : hidden) {
    Replace(text, one);
    if (one.size() > kQuoted) Replace(text, std::string_view(one).substr(0, kQuoted));
  }
  return text;
}

}  // namespace portcall::config
