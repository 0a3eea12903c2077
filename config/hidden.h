#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace portcall::config {

inline constexpr std::string_view kHiddenMark = "***";
// Shorter texts are left: hiding them would turn ordinary words into stars, and protect nothing.
inline constexpr std::size_t kShortestHidden = 4;

// `text` with each of `hidden` taken out, in whole or as its first 60 characters, as messages quote values.
std::string Hidden(std::string text, std::span<const std::string> hidden);

}  // namespace portcall::config
