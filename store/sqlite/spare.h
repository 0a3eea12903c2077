#pragma once

#include <cstdint>
#include <filesystem>

#include "store/sqlite/volume.h"

namespace portcall::store {

// Room on a database's volume that is kept for starts, as a file beside it: opening a database takes some, and so does
// whoever begins to use it. Without it a full disk would leave nothing served after a restart. With a reserve of 0
// there is none. One thread.
class Spare {
 public:
  static constexpr std::uint64_t kBytes = 4 << 20;

  Spare(const std::filesystem::path& database, std::uint64_t reserve);
  // Before the database is opened, or where it is in need: gives it the room where the volume has less than that.
  void Release(std::uint64_t wanted = kBytes);
  void Keep();     // makes it where it is missing and the volume has room beyond the reserve
  void KeepAny();  // after the database was closed: with what that has left, down to a part of it

 private:
  bool Make(std::uint64_t bytes);

  const std::filesystem::path file_;
  const std::uint64_t reserve_;
  const Volume volume_;
  bool kept_ = false;
};

}  // namespace portcall::store
