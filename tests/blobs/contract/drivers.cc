#include "store/blobs/fs/filesystem.h"
#include "tests/blobs/contract/driver.h"

namespace portcall::store {

const std::vector<Driver>& Drivers() {
  static const std::vector<Driver> drivers{
      {"Filesystem",
       [](const std::filesystem::path& folder, asio::thread_pool& pool, DigestLocks& locks, bool no_room) {
         return OpenFilesystem(folder, {pool, pool}, locks, {.reserve_bytes = no_room ? std::uint64_t{1} << 62 : 0});
       }}};
  return drivers;
}

}  // namespace portcall::store
