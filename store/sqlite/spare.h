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
  Spare(const std::filesystem::path& database, std::uint64_t reserve);
  void Release();  // before the database is opened: where the volume is full, the room is given to it
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
