#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace portcall::config {

inline constexpr std::size_t kLongestGlob = 256;

// Whether all of `text` fits `pattern`: `*` stands for any characters of one path segment, `**` for any across them
// (`**/` also for no segment at all), `?` for one character that is no slash; the rest stands for itself. Takes at most
// pattern × text steps, whatever they hold. A pattern that WhyBadGlob() refuses for its length fits nothing.
bool GlobMatches(std::string_view pattern, std::string_view text);

// What is wrong with a pattern; empty: it is right.
std::string WhyBadGlob(std::string_view pattern);

}  // namespace portcall::config
