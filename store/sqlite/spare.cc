#include "store/sqlite/spare.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/files.h"

namespace portcall::store {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLeast = 64 << 10;

}  // namespace

Spare::Spare(const fs::path& database, std::uint64_t reserve)
    : file_(database.string() + ".spare"), reserve_(reserve), volume_(database.parent_path(), reserve) {}

void Spare::Release(std::uint64_t wanted) {
  if (volume_.Free().value_or(wanted) >= wanted) return;
  std::error_code failed;
  fs::remove(file_, failed);
  kept_ = kept_ && failed;
}

void Spare::Keep() {
  if (reserve_ == 0 || kept_) return;
  std::error_code missing;
  kept_ = fs::file_size(file_, missing) == kBytes && !missing;
  if (!kept_ && volume_.Free().value_or(0) >= reserve_ + kBytes) kept_ = Make(kBytes);
}

void Spare::KeepAny() {
  std::error_code missing;
  if (reserve_ == 0 || fs::exists(file_, missing)) return;
  for (std::uint64_t bytes = kBytes; bytes >= kLeast && !Make(bytes); bytes /= 2) {
  }
}

// A file system that cannot set blocks aside has none: writing them would take too long.
bool Spare::Make(std::uint64_t bytes) {
  const auto file = runtime::OpenFile(file_, O_WRONLY | O_CREAT, 0600);
  if (!file) return false;
  if (::fallocate(file->get(), 0, 0, static_cast<off_t>(bytes)) == 0) return true;
  const bool unable = errno == EOPNOTSUPP;
  std::error_code ignored;
  fs::remove(file_, ignored);
  return unable;
}

}  // namespace portcall::store
