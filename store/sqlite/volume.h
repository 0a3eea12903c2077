#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

namespace portcall::store {

// The volume that a database lies on.
class Volume {
 public:
  Volume(std::filesystem::path folder, std::uint64_t reserve) : folder_(std::move(folder)), reserve_(reserve) {}
  // Whether less than the reserve is free. Asks the system at most every 250 ms, and `unused` then for the bytes within
  // the database that it will use again. They count for half of the reserve at most: the write-ahead log grows outside.
  // One thread.
  bool BelowReserve(const std::function<std::uint64_t()>& unused);

  // Bytes that may still be written there; nothing: it cannot be asked.
  std::optional<std::uint64_t> Free() const;

  // The name of a file system that does not keep the promises a database needs (locks, shared memory, fsync), by the
  // magic number that statfs tells; nullopt for all others.
  static std::optional<std::string_view> UnfitFileSystem(std::uint64_t magic);
  std::optional<std::string_view> Unfit() const;

 private:
  std::filesystem::path folder_;
  std::uint64_t reserve_;
  std::optional<std::chrono::steady_clock::time_point> asked_;
  bool below_ = false;
};

}  // namespace portcall::store
