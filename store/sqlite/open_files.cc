#include "store/sqlite/open_files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace portcall::store {

namespace {

// With links resolved, as the engine does it.
std::string PathOf(Connection& connection) { return sqlite3_db_filename(connection.handle(), "main"); }

// Whether a database of so many bytes lacks more pages than the log has for it. Whoever compacts it makes it smaller.
bool LacksPages(Connection& connection, std::uint64_t bytes) {
  try {
    const auto pages = static_cast<std::uint64_t>(connection.Number("PRAGMA page_count"));
    const std::uint64_t there = bytes / static_cast<std::uint64_t>(connection.Number("PRAGMA page_size"));
    const Connection::Logged logged = connection.logged();
    return pages > there && pages - there > logged.frames - std::min(logged.frames, logged.moved);
  } catch (const DatabaseError&) {
    return true;
  }
}

}  // namespace

OpenFiles::OpenFiles(Connection& connection)
    : connection_(connection),
      database_(Look(PathOf(connection))),
      log_(Look(PathOf(connection) + "-wal")),
      index_(Look(PathOf(connection) + "-shm")),
      database_bytes_(database_.bytes),
      open_log_(::open(log_.path.c_str(), O_RDONLY | O_CLOEXEC)) {}

OpenFiles::Named OpenFiles::Look(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {path, 0, 0, errno};
  return {path, status.st_dev, status.st_ino, 0, static_cast<std::uint64_t>(status.st_size)};
}

// As where a volume fails for a while, or rights are changed.
bool OpenFiles::CannotTell(const Named& now) { return now.error != 0 && now.error != ENOENT && now.error != ENOTDIR; }

std::optional<std::string> OpenFiles::WhyGone(const Named& file, const Named& now) {
  if (file.inode == 0) return std::nullopt;  // it was not there
  if (now.error != 0) return file.path + " was removed while it was in use";
  if (now.inode != file.inode || now.device != file.device) return file.path + " was replaced while it was in use";
  return std::nullopt;
}

std::optional<std::string> OpenFiles::WhyDatabaseGone() const {
  const Named now = Look(database_.path);
  if (!CannotTell(now)) return WhyGone(database_, now);
  return now.path + " cannot be looked at (" + std::generic_category().message(now.error) + ")";
}

std::optional<std::string> OpenFiles::WhyCertainlyGone(const Named& file) {
  const Named now = Look(file.path);
  return CannotTell(now) ? std::nullopt : WhyGone(file, now);
}

std::optional<std::string> OpenFiles::WhyCut() {
  const auto told = [](const Named& file, std::uint64_t bytes) {
    return file.path + " was cut to " + std::to_string(file.bytes) + " of " + std::to_string(bytes) +
           " bytes while it was in use";
  };
  const std::uint64_t logged = connection_.logged().bytes;
  if (const Named log = Look(log_.path); log.error == 0 && log.bytes < logged) return told(log, logged);
  const Named now = Look(database_.path);
  if (now.error != 0) return std::nullopt;
  if (now.bytes < database_bytes_ && LacksPages(connection_, now.bytes)) return told(now, database_bytes_);
  database_bytes_ = now.bytes;
  return std::nullopt;
}

std::uint64_t OpenFiles::log_bytes() const {
  struct stat status{};
  return open_log_ && ::fstat(open_log_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

// What else has the log's name, the next start would take for it: an old one that was copied back would undo what came
// after it.
Result<void> OpenFiles::MoveOtherAside() const {
  const Result<void> moved = runtime::RenameUnlessThere(log_.path, log_.path + ".other");
  if (moved) return {};
  return Error(Errc::kConflict, "another file has its name: move that one away (" + moved.error().detail + ")");
}

Result<void> OpenFiles::PutLogBack(std::uint64_t room) const {
  if (!open_log_) return Error(Errc::kUnavailable, log_.path + " could not be opened beside the engine");
  const runtime::MutexLock lock(putting_back_);
  struct stat there{};
  if (::stat(log_.path.c_str(), &there) == 0) {
    if (there.st_size > 0 && runtime::HoldsSame(open_log_, log_.path)) return runtime::SyncNamed(log_.path);
    if (there.st_size > 0) {
      if (Result<void> aside = MoveOtherAside(); !aside) return aside;
    } else {
      ::unlink(log_.path.c_str());  // as whoever opens the database leaves it there
    }
  }
  if (room < log_bytes()) {
    return Error(Errc::kNoSpace, "No space left for its " + std::to_string((log_bytes() >> 20) + 1) + " MiB");
  }
  return runtime::CopyToNewFile(open_log_, log_.path);
}

}  // namespace portcall::store
