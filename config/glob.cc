#include "config/glob.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "runtime/text.h"

namespace portcall::config {
namespace {

// The places in a pattern that a text may have led to so far; the last one is the pattern's end.
class Places {
 public:
  bool Has(std::size_t place) const { return (words_[place / 64] >> (place % 64) & 1) != 0; }
  void Add(std::size_t place) { words_[place / 64] |= std::uint64_t{1} << (place % 64); }
  bool Empty() const {
    return std::ranges::all_of(words_, [](std::uint64_t word) { return word == 0; });
  }
  // In ascending order.
  void ForEach(auto visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(i * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
      }
    }
  }

 private:
  std::array<std::uint64_t, kLongestGlob / 64 + 1> words_{};
};

class Walk {
 public:
  explicit Walk(std::string_view pattern) : pattern_(pattern) {}

  // Adds `place` and all places reachable from it without a character. It may stop at one that is there already,
  // because Step() goes through places in ascending order: a star is entered from its left before it adds itself.
  void Enter(std::size_t place, Places& places) const {
    for (; !places.Has(place); ++place) {
      places.Add(place);
      if (!Star(place)) return;
      const bool begins_segment = place == 0 || pattern_[place - 1] == '/';
      if (begins_segment && pattern_.substr(place).starts_with("**/")) Enter(place + 3, places);
    }
  }

  void Step(std::size_t place, char c, Places& next) const {
    // The `?` that took the first byte of a character takes its continuation bytes too.
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (continues && place > 0 && pattern_[place - 1] == '?') next.Add(place);
    if (place == pattern_.size()) return;
    if (Star(place)) {
      if (c == '/' && !DoubleStar(place)) return;
      next.Add(place);
      Enter(place + 1, next);
    } else if (pattern_[place] == '?' ? c != '/' && !continues : pattern_[place] == c) {
      Enter(place + 1, next);
    }
  }

 private:
  bool Star(std::size_t place) const { return place < pattern_.size() && pattern_[place] == '*'; }
  bool DoubleStar(std::size_t place) const { return Star(place) && Star(place + 1); }

  std::string_view pattern_;
};

}  // namespace

bool GlobMatches(std::string_view pattern, std::string_view text) {
  if (pattern.size() > kLongestGlob) return false;
  const std::size_t plain = std::min(pattern.find_first_of("*?"), pattern.size());
  if (!text.starts_with(pattern.substr(0, plain))) return false;
  if (plain == pattern.size()) return text.size() == plain;

  const Walk walk(pattern);
  Places places;
  walk.Enter(plain, places);
  for (const char c : text.substr(plain)) {
    Places next;
    places.ForEach([&](std::size_t place) { walk.Step(place, c, next); });
    if (next.Empty()) return false;
    places = next;
  }
  return places.Has(pattern.size());
}

std::string WhyBadGlob(std::string_view pattern) {
  if (pattern.empty()) return "is empty, and would fit nothing";
  if (pattern.size() > kLongestGlob) return "is longer than " + std::to_string(kLongestGlob) + " bytes";
  if (runtime::HasControl(pattern)) {
    return "holds a control character";
  }
  if (pattern.find("***") != std::string_view::npos) return "holds ***: write * or **";
  return "";
}

}  // namespace portcall::config
