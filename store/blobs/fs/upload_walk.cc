#include "store/blobs/fs/upload_walk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

#include "runtime/files.h"
#include "runtime/loops.h"
#include "runtime/time.h"

namespace portcall::store {

namespace fs = std::filesystem;

namespace {

constexpr int kEntries = 1'000;  // in one piece
constexpr std::string_view kUploads = "_uploads";

std::optional<std::int64_t> StartOf(const fs::path& folder) {
  const fs::path path = folder / "startedat";
  const Result<runtime::Fd> file = runtime::OpenFile(path, O_RDONLY);
  std::string text(64, '\0');
  const Result<std::size_t> n = file ? runtime::ReadAt(*file, text, 0, path) : file.error();
  text.resize(n ? *n : 0);
  if (const auto started = runtime::ParseRfc3339(text)) return started;
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return std::nullopt;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

Task<Result<std::optional<std::vector<FoundUpload>>>> FsUploadWalk::Next() {
  auto piece = [this]() -> Result<std::optional<std::vector<FoundUpload>>> { return Piece(); };
  co_return co_await runtime::RunOn(pool_, piece);
}

std::optional<std::vector<FoundUpload>> FsUploadWalk::Piece() {
  if (!std::exchange(begun_, true)) Enter(repositories_);
  if (open_.empty()) return std::nullopt;
  std::vector<FoundUpload> found;
  for (int i = 0; i < kEntries && !open_.empty(); ++i) {
    Folder& folder = open_.back();
    if (folder.place == fs::directory_iterator()) {
      open_.pop_back();
      continue;
    }
    const fs::directory_entry entry = *folder.place;
    std::error_code ec;
    folder.place.increment(ec);
    if (ec) folder.place = fs::directory_iterator();
    if (std::optional<FoundUpload> upload = Look(entry, folder)) found.push_back(*std::move(upload));
  }
  return found;
}

void FsUploadWalk::Enter(const fs::path& folder) {
  std::error_code ec;
  fs::directory_iterator place(folder, ec);
  if (!ec) open_.push_back({std::move(place), folder});
}

std::optional<FoundUpload> FsUploadWalk::Look(const fs::directory_entry& entry, const Folder& in) {
  std::error_code ec;
  if (entry.is_symlink(ec) || !entry.is_directory(ec)) return std::nullopt;
  const std::string name = entry.path().filename();
  if (in.path.filename() == kUploads) {
    const std::optional<std::int64_t> started = StartOf(entry.path());
    if (!started) return std::nullopt;  // it ended just now
    return FoundUpload{in.path.parent_path().lexically_relative(repositories_), name, *started};
  }
  if (name == kUploads || !name.starts_with('_')) Enter(entry.path());
  return std::nullopt;
}

}  // namespace portcall::store
