#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/page_cache.h"
#include "runtime/task.h"

namespace portcall::http {

// Where files are read that are not in memory, so that a slow disk stops no loop.
struct FileLane {
  asio::thread_pool* pool = nullptr;      // null: the loop reads, and waits
  std::optional<runtime::Cached> assume;  // for tests: what every file is taken for
};

// Reads files for one connection, on its loop where that waits for nothing, else on the lane.
class FileReader {
 public:
  explicit FileReader(const FileLane& lane) : lane_(lane) {}

  // Fills all of `into` from `offset` on. False: the file is shorter, or cannot be read.
  Task<bool> Read(int fd, std::uint64_t offset, std::span<char> into) const;
  // Before sendfile(2): kYes, once the part is in memory; kUnknown: it would wait all the same, so Read is the way;
  // kNo: the part cannot be read.
  Task<runtime::Cached> Fetch(int fd, std::uint64_t offset, std::uint64_t length) const;

 private:
  const FileLane& lane_;
};

}  // namespace portcall::http
