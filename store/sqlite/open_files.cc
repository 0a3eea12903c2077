#include "store/sqlite/open_files.h"

#include <sqlite3.h>
#include <sys/stat.h>

namespace portcall::store {

namespace {

// With links resolved, as the engine does it.
std::string PathOf(Connection& connection) { return sqlite3_db_filename(connection.handle(), "main"); }

}  // namespace

OpenFiles::OpenFiles(Connection& connection)
    : database_(Look(PathOf(connection))),
      companions_{Look(PathOf(connection) + "-wal"), Look(PathOf(connection) + "-shm")} {}

OpenFiles::Named OpenFiles::Look(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {path};
  return {path, status.st_dev, status.st_ino};
}

std::optional<std::string> OpenFiles::WhyGone(const Named& file) {
  if (file.inode == 0) return std::nullopt;  // it was not there
  const Named now = Look(file.path);
  if (now.inode == 0) return file.path + " was removed while it was in use";
  if (now.inode != file.inode || now.device != file.device) return file.path + " was replaced while it was in use";
  return std::nullopt;
}

std::optional<std::string> OpenFiles::WhyCompanionGone() const {
  for (const Named& file : companions_) {
    if (auto why = WhyGone(file)) return why;
  }
  return std::nullopt;
}

}  // namespace portcall::store
