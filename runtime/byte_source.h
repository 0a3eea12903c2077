#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::runtime {

// Bytes that come in pieces, as a request's body does. Whoever wants them pulls them: that is the back-pressure.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `into` with 1..size bytes; 0 at the end. An error is final. `into` must stay until the result.
  virtual Task<Result<std::size_t>> Read(std::span<char> into) = 0;
  // How many bytes it has in all, where that is known.
  virtual std::optional<std::uint64_t> length() const = 0;
};

}  // namespace portcall::runtime
