#include "store/sqlite/check.h"

#include <cstring>
#include <fstream>

#include "store/database_file.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/volume.h"

namespace portcall::store {

namespace {

namespace fs = std::filesystem;

constexpr char kMagic[] = "SQLite format 3";  // with its final zero: 16 bytes
constexpr std::size_t kHeaderSize = 100;
constexpr std::size_t kPageCountAt = 28, kApplicationIdAt = 68;

std::uint32_t BigEndian(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// A database of another program has tables, and an id that is not ours; a file that we only just began has one page.
bool IsForeign(const char* header, const fs::path& file) {
  const std::uint32_t application = BigEndian(header + kApplicationIdAt);
  if (application == kApplicationId) return false;
  std::error_code none;
  const bool has_log = fs::file_size(WriteAheadLogOf(file), none) > 0 && !none;
  return application != 0 || (BigEndian(header + kPageCountAt) > 1 && !has_log);
}

Result<void> CheckCursors(Connection& connection, const fs::path& file) {
  const std::int64_t head = connection.Number("SELECT seq FROM sqlite_sequence WHERE name='events'");
  const std::int64_t last = connection.Number("SELECT max(seq) FROM events");
  if (last > head) return Damaged(file, "the log ends behind its own counter");
  const std::string beyond = connection.Text(
      "SELECT endpoint FROM cursors WHERE max(from_seq,through,settled_through)>" + std::to_string(head) + " LIMIT 1");
  if (!beyond.empty()) return Damaged(file, "the cursor of endpoint \"" + beyond + "\" is beyond the end of the log");
  return {};
}

}  // namespace

Error Damaged(const fs::path& file, const std::string& what) {
  return {Errc::kInvalid, file.string() + " is damaged (" + what +
                              "): restore a backup of it, with its -wal file if there is one, or move it away and run"
                              " `portcall import` to rebuild the catalog from the files"};
}

fs::path WriteAheadLogOf(const fs::path& file) { return file.string() + "-wal"; }

Result<void> CheckDatabasePlace(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (const auto unfit = Volume(folder, 0).Unfit()) {
    return Error(Errc::kInvalid, file.string() + " lies on " + std::string(*unfit) +
                                     ", which cannot keep a database safe: set store.path to a local disk");
  }
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    const fs::path one = file.string() + suffix;
    std::error_code none;
    const fs::file_status status = fs::status(one, none);
    if (!fs::exists(status) || fs::is_regular_file(status)) continue;
    return Error(Errc::kInvalid,
                 one.string() + " is " + (fs::is_directory(status) ? "a folder" : "no file") +
                     (*suffix == '\0' ? ": set store.path to a file"
                                      : ", where the database needs a file of this name: move it away"));
  }
  return {};
}

// The engine would take a log without its database for one of nobody, and begin anew.
static Result<void> CheckNew(const fs::path& file) {
  std::error_code none;
  const auto logged = fs::file_size(WriteAheadLogOf(file), none);
  if (none || logged == 0) return {};
  return Error(Errc::kInvalid, file.string() + " is missing or empty, but " + WriteAheadLogOf(file).string() +
                                   " holds what was written to it: put the database back beside it, or move that one"
                                   " away as well to begin anew");
}

Result<void> CheckDatabaseFile(const fs::path& file) {
  if (auto fit = CheckDatabasePlace(file); !fit) return fit;
  std::error_code none;
  const auto size = fs::file_size(file, none);
  if (none || size == 0) return CheckNew(file);
  std::ifstream in(file, std::ios::binary);
  char header[kHeaderSize] = {};
  if (!in) return Error(Errc::kUnavailable, file.string() + " cannot be read: check its owner and mode");
  if (!in.read(header, kHeaderSize)) return Damaged(file, "its header is cut off");
  if (std::memcmp(header, kMagic, sizeof kMagic) != 0) return Damaged(file, "its header is none of a database");
  if (IsForeign(header, file)) {
    return Error(Errc::kInvalid, file.string() + " is another program's database: set store.path to another file");
  }
  return {};
}

Result<void> CheckContent(Connection& connection, const fs::path& file) {
  for (const char* table : Tables()) {
    const std::string name(table);
    if (connection.Number("SELECT count(*) FROM sqlite_schema WHERE type='table' AND name='" + name + "'") == 0) {
      return Damaged(file, "table " + name + " is missing");
    }
    connection.Text("SELECT * FROM " + name + " LIMIT 1");
  }
  connection.Text("SELECT details FROM events ORDER BY seq DESC LIMIT 1");
  return CheckCursors(connection, file);
}

}  // namespace portcall::store
