#include "app/server/data_folder.h"

#include <string>
#include <system_error>

#include "store/blobs/fs/filesystem.h"
#include "store/database_file.h"

namespace portcall::app {

namespace fs = std::filesystem;

Result<void> PrepareDataFolder(const fs::path& root, const fs::path& database) {
  std::error_code ec;
  if (auto fit = store::CheckDatabasePlace(database); !fit) return fit;
  if (!fs::exists(database, ec) && store::SurveyTree(root).has_repositories) {
    return Error(Errc::kInvalid, root.string() + " holds the repositories of another registry, and " +
                                     database.string() +
                                     " does not exist: run `portcall import` to take them over, or name another "
                                     "storage.filesystem.rootdirectory");
  }
  fs::create_directories(root, ec);
  if (ec) {
    return Error(Errc::kInvalid,
                 "storage.filesystem.rootdirectory: " + root.string() + " cannot be made: " + ec.message());
  }
  const fs::path folder = fs::absolute(database).parent_path();
  if (!fs::is_directory(folder, ec)) {
    return Error(Errc::kInvalid, "store.path: the folder " + folder.string() + " of the database " +
                                     (fs::exists(folder, ec) ? "is no folder" : "does not exist: make it"));
  }
  return {};
}

}  // namespace portcall::app
