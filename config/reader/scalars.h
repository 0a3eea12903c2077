#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "runtime/result.h"

namespace portcall::config {

// Readers of single values. Errors say what is wrong and what was probably meant.

// A duration in Go's syntax ("1h30m", "500ms"). A bare number is never guessed silently: below 100 it is refused, below
// 1,000,000 it is milliseconds, from there on nanoseconds, and `remark` says so. More than ten years is refused;
// positive durations below a millisecond become one.
struct ReadDuration {
  Millis value{0};
  std::string remark;  // how a doubtful text was understood; empty: it was clear
};
Result<ReadDuration> ParseDuration(std::string_view text);

// Bytes: "256MiB", "10GB", "1.5G" (K, M, G, T count in 1024), or a bare number.
Result<std::uint64_t> ParseSize(std::string_view text);

// YAML's words for yes and no.
std::optional<bool> ParseFlag(std::string_view text);
// A decimal or hexadecimal whole number, with `_` between digits as YAML has it.
std::optional<std::int64_t> ParseWhole(std::string_view text);

// The candidate that `word` was probably meant to be; empty: none is near.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);
// "; did you mean X?", the end of a message about a word that is none of the candidates; empty: none is near.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);
// A file's text as a message may quote it: short, without control characters.
std::string Quoted(std::string_view text);

}  // namespace portcall::config
