#include "store/sqlite/open_files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace portcall::store {

namespace {

// With links resolved, as the engine does it.
std::string PathOf(Connection& connection) { return sqlite3_db_filename(connection.handle(), "main"); }

}  // namespace

OpenFiles::OpenFiles(Connection& connection)
    : connection_(connection),
      database_(LookAt(PathOf(connection))),
      log_(LookAt(PathOf(connection) + "-wal")),
      index_(LookAt(PathOf(connection) + "-shm")),
      database_bytes_(database_.bytes),
      open_log_(::open(log_.path.c_str(), O_RDONLY | O_CLOEXEC)) {}

OpenFiles::Named OpenFiles::LookAt(const std::string& path) {
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

std::optional<std::string> OpenFiles::WhyDatabaseGone(const Named& now) const {
  if (!CannotTell(now)) return WhyGone(database_, now);
  return now.path + " cannot be looked at (" + std::generic_category().message(now.error) + ")";
}

std::optional<std::string> OpenFiles::WhyCertainlyGone(const Named& file, const Named& now) {
  return CannotTell(now) ? std::nullopt : WhyGone(file, now);
}

std::optional<OpenFiles::Fault> OpenFiles::Look() {
  const Named database = LookAt(database_.path), log = LookAt(log_.path);
  if (auto gone = WhyDatabaseGone(database)) return Fault{Fault::Kind::kDatabaseGone, std::move(*gone)};
  if (auto gone = WhyCertainlyGone(log_, log)) return Fault{Fault::Kind::kLogGone, std::move(*gone)};
  if (auto gone = WhyCertainlyGone(index_, LookAt(index_.path)))
    return Fault{Fault::Kind::kIndexGone, std::move(*gone)};
  if (auto cut = WhyCut(database, log)) return Fault{Fault::Kind::kCut, std::move(*cut)};
  return std::nullopt;
}

// Whoever compacts the database leaves it with fewer pages, and its file gets as many as that has when they are moved
// there. Between two looks it may have grown again, by what is in the log alone.
bool OpenFiles::MayBeCompacted(std::uint64_t bytes, const Connection::Logged& logged) const {
  if (logged.page_bytes == 0) return true;
  const std::uint64_t there = bytes / logged.page_bytes;
  if (logged.pages <= there || fewest_ <= there) return true;
  return logged.pages < pages_ && logged.pages - there <= logged.frames - std::min(logged.frames, logged.moved);
}

std::optional<std::string> OpenFiles::WhyCut(const Named& database, const Named& log) {
  const auto told = [](const Named& file, std::uint64_t bytes) {
    return file.path + " was cut to " + std::to_string(file.bytes) + " of " + std::to_string(bytes) +
           " bytes while it was in use";
  };
  const Connection::Logged logged = connection_.logged();
  if (log.error == 0 && log.bytes < logged.bytes) return told(log, logged.bytes);
  if (database.error != 0) return std::nullopt;
  if (database.bytes < database_bytes_ && !MayBeCompacted(database.bytes, logged))
    return told(database, database_bytes_);
  const bool same = std::exchange(database_bytes_, database.bytes) == database.bytes;
  pages_ = logged.pages;
  fewest_ = same && fewest_ != 0 ? std::min(fewest_, pages_) : pages_;
  return std::nullopt;
}

void OpenFiles::SeePages() {
  const std::uint64_t pages = connection_.logged().pages;
  if (pages == 0) return;
  pages_ = pages;
  fewest_ = fewest_ == 0 ? pages : std::min(fewest_, pages);
}

std::uint64_t OpenFiles::log_bytes() const {
  struct stat status{};
  return open_log_ && ::fstat(open_log_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

// What else has the log's name, the next start would take for it: an old one that was copied back would undo what came
// after it.
Result<std::string> OpenFiles::MoveOtherAside() const {
  constexpr int kMostOthers = 1'000;
  Result<void> moved;
  for (int i = 0; i < kMostOthers; ++i) {
    const std::string aside = log_.path + (i == 0 ? ".other" : ".other." + std::to_string(i));
    moved = runtime::RenameUnlessThere(log_.path, aside);
    if (moved) return aside;
    if (moved.error().code != Errc::kConflict) break;
  }
  return Error(Errc::kConflict, "another file has its name: move that one away (" + moved.error().detail + ")");
}

Result<std::string> OpenFiles::PutLogBack(std::uint64_t room) const {
  if (!open_log_) return Error(Errc::kUnavailable, log_.path + " could not be opened beside the engine");
  const runtime::MutexLock lock(putting_back_);
  struct stat there{};
  if (::stat(log_.path.c_str(), &there) == 0) {
    if (there.st_size > 0 && runtime::HoldsSame(open_log_, log_.path)) {
      const Result<void> synced = runtime::SyncNamed(log_.path);
      return synced ? Result<std::string>(aside_) : synced.error();
    }
    if (there.st_size > 0) {
      Result<std::string> moved = MoveOtherAside();
      if (!moved) return moved;
      aside_ = std::move(*moved);
    } else {
      ::unlink(log_.path.c_str());  // as whoever opens the database leaves it there
    }
  }
  if (room < log_bytes()) {
    return Error(Errc::kNoSpace, "No space left for its " + std::to_string((log_bytes() >> 20) + 1) + " MiB");
  }
  const Result<void> copied = runtime::CopyToNewFile(open_log_, log_.path);
  return copied ? Result<std::string>(aside_) : copied.error();
}

}  // namespace portcall::store
