#include "store/sqlite/only_looking.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>

namespace portcall::store {
namespace {

thread_local int lookers = 0;

// In place of the engine's system calls, for the whole process.
int Open(const char* path, int flags, int mode) {
  return ::open(path, lookers > 0 ? flags & ~O_CREAT : flags, mode);  // NOLINT(cppcoreguidelines-pro-type-vararg)
}
int GiveTo(int fd, uid_t user, gid_t group) { return lookers > 0 ? 0 : ::fchown(fd, user, group); }
int SetMode(int fd, mode_t mode) { return lookers > 0 ? 0 : ::fchmod(fd, mode); }

template <class F>
void Put(sqlite3_vfs* files, const char* name, F* call) {
  files->xSetSystemCall(files, name, reinterpret_cast<sqlite3_syscall_ptr>(call));
}

}  // namespace

OnlyLooking::OnlyLooking() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_vfs* files = sqlite3_vfs_find(nullptr);
    Put(files, "open", Open);
    Put(files, "fchown", GiveTo);
    Put(files, "fchmod", SetMode);
  });
  ++lookers;
}

OnlyLooking::~OnlyLooking() { --lookers; }

}  // namespace portcall::store
