#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace portcall::registry {

struct ByteSpan {
  std::uint64_t offset = 0, length = 0;
};

enum class RangeKind { kWhole, kPart, kUnsatisfiable };
struct RangeAnswer {
  RangeKind kind = RangeKind::kWhole;
  ByteSpan span;  // of a part
};

// What a Range header asks of `size` bytes (RFC 9110 §14.2). Other units, several ranges at once and any part of
// nothing get the whole, which every client must accept; malformed ranges are unsatisfiable, as Distribution has it.
RangeAnswer ReadRange(std::string_view header, std::uint64_t size);

// First and last byte of an upload's chunk: `0-1023`, also as `bytes 0-1023/*`. Nothing when malformed.
struct ChunkRange {
  std::uint64_t first = 0, last = 0;
  std::uint64_t length() const { return last - first + 1; }
};
std::optional<ChunkRange> ReadContentRange(std::string_view header);

}  // namespace portcall::registry
