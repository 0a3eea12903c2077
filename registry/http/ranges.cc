#include "registry/http/ranges.h"

#include <algorithm>

#include "runtime/text.h"

namespace portcall::registry {
namespace {

using runtime::Trim;

std::optional<std::uint64_t> Number(std::string_view text) { return runtime::ParseNumber<std::uint64_t>(text); }

// A number that no 64 bits hold lies behind the end of any content.
std::optional<std::uint64_t> Place(std::string_view text) {
  if (!runtime::IsDigits(text)) return std::nullopt;
  return Number(text).value_or(UINT64_MAX);
}

}  // namespace

RangeAnswer ReadRange(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  header = Trim(header);
  if (!header.starts_with(kUnit)) return {};
  header = Trim(header.substr(kUnit.size()));
  if (header.find(',') != std::string_view::npos) return {};
  const RangeAnswer unsatisfiable{RangeKind::kUnsatisfiable, {}};
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return unsatisfiable;
  const std::string_view from = Trim(header.substr(0, dash)), to = Trim(header.substr(dash + 1));
  const auto first = Place(from), last = Place(to);
  const bool malformed = (!to.empty() && !last) || (!from.empty() && !first) || (!first && !last);
  if (malformed || (first && last && *last < *first)) return unsatisfiable;
  if (size == 0) return {};
  if (!first) {
    if (*last == 0) return unsatisfiable;
    const std::uint64_t length = std::min(*last, size);
    return {RangeKind::kPart, {size - length, length}};
  }
  if (*first >= size) return unsatisfiable;
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {RangeKind::kPart, {*first, end - *first + 1}};
}

std::optional<ChunkRange> ReadContentRange(std::string_view header) {
  header = Trim(header);
  if (header.starts_with("bytes ") || header.starts_with("bytes=")) header = Trim(header.substr(6));
  header = header.substr(0, header.find('/'));
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = Number(header.substr(0, dash)), last = Number(header.substr(dash + 1));
  if (!first || !last || *last < *first || *last - *first == UINT64_MAX) return std::nullopt;
  return ChunkRange{*first, *last};
}

}  // namespace portcall::registry
