#include "registry/model/reference.h"

#include <algorithm>
#include <utility>

#include "runtime/text.h"

namespace portcall::registry {
namespace {

bool IsLowerOrDigit(char c) { return runtime::IsLowerLetter(c) || runtime::IsDigit(c); }
bool IsWord(char c) { return runtime::IsAlphanumeric(c) || c == '_'; }

bool IsSeparator(std::string_view run) {
  return run == "." || run == "_" || run == "__" || run.find_first_not_of('-') == std::string_view::npos;
}

bool IsComponent(std::string_view text) {
  if (text.empty() || !IsLowerOrDigit(text.front()) || !IsLowerOrDigit(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (IsLowerOrDigit(text[i])) {
      ++i;
      continue;
    }
    const std::size_t start = i;
    while (i < text.size() && !IsLowerOrDigit(text[i])) ++i;
    if (!IsSeparator(text.substr(start, i - start))) return false;
  }
  return true;
}

}  // namespace

bool IsRepositoryName(std::string_view text) {
  while (true) {
    const std::size_t slash = text.find('/');
    if (!IsComponent(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool IsTag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTagLength || !IsWord(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

bool LooksLikeDigest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  return std::ranges::all_of(
      text, [](char c) { return IsWord(c) || c == '.' || c == '-' || c == '+' || c == '=' || c == ':'; });
}

Reference Reference::Parse(std::string text) {
  Kind kind = Kind::kMalformed;
  if (IsTag(text)) {
    kind = Kind::kTag;
  } else if (Digest::Parse(text)) {
    kind = Kind::kDigest;
  }
  return {kind, std::move(text)};
}

std::string_view Reference::algorithm() const {
  return is_digest() ? std::string_view(text_).substr(0, text_.find(':')) : std::string_view("sha256");
}

}  // namespace portcall::registry
