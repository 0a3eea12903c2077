#pragma once

#include <cstdint>

namespace portcall::runtime {

enum class Cached : std::uint8_t {
  kYes,      // reading and sendfile(2) wait for no disk, unless memory is taken back just now
  kNo,       // some of it must come from the disk
  kUnknown,  // the file system does not say, as over a network: each read may wait
};

// Of a part of an open file. Costs about a microsecond, and does not wait itself; any thread.
Cached InPageCache(int fd, std::uint64_t offset, std::uint64_t length);

}  // namespace portcall::runtime
