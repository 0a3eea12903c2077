#include "store/database_look.h"

#include <fcntl.h>

#include "runtime/files.h"
#include "store/attempts.h"
#include "store/database_file.h"
#include "store/dead_letters.h"
#include "store/retention.h"
#include "store/sqlite/check.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/integrity.h"
#include "store/sqlite/only_looking.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

void Measure(Connection& connection, DatabaseSight& sight) {
  connection.Exec("BEGIN");
  Snapshot snapshot(connection);
  const LogSize size = SizeOf(snapshot);
  sight.events = size.events;
  sight.held_bytes = size.held_bytes;
  sight.other_bytes = BytesOfDead(snapshot) + BytesOfAttempts(snapshot);
  sight.newest_event = connection.Number("SELECT recorded_at FROM events ORDER BY seq DESC LIMIT 1");
  sight.trees = connection.Number(
      "SELECT count(*) FROM sqlite_schema WHERE rootpage>0 AND name NOT IN ('sqlite_sequence','sqlite_stat1')");
  connection.Exec("COMMIT");
}

}  // namespace

// The engine's locks lie beyond the end of the file, from this byte on (sqlite.org/fileformat2.html, 1.3.1): a reader's
// is there as long as a connection in WAL mode is open.
bool IsOpenSomewhere(const fs::path& file) {
  constexpr off_t kLocks = 0x40000000, kLockBytes = 512;
  const auto fd = runtime::OpenFile(file, O_RDONLY);
  if (!fd) return false;
  struct flock wanted{};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  wanted.l_start = kLocks;
  wanted.l_len = kLockBytes;
  return fcntl(fd->get(), F_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK;
}

Result<DatabaseSight> LookAtDatabase(const fs::path& named, bool open, std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  std::error_code unknown;
  fs::path file = fs::weakly_canonical(fs::absolute(named), unknown);
  if (unknown) file = named;
  if (auto fit = CheckDatabaseFile(file); !fit) return fit.error();
  try {
    const OnlyLooking only_looking;
    Connection connection(file, open ? Connection::Mode::kOnlooker : Connection::Mode::kAlone);
    DatabaseSight sight;
    sight.version = connection.Number("PRAGMA user_version");
    sight.newest = static_cast<std::int64_t>(Migrations().size());
    if (sight.version != sight.newest) return sight;
    Measure(connection, sight);
    Result<void> fit = CheckContent(connection, file);
    const auto stop = [until] { return Clock::now() >= until; };
    if (fit) {
      fit = CheckEverything(connection, file, stop, std::chrono::milliseconds(20),
                            [&sight](const std::string& tree) { sight.whole.push_back(tree); });
    }
    if (!fit) sight.damage = fit.error();
    return sight;
  } catch (const DatabaseError& error) {
    if (error.fatal()) return Damaged(file, error.what());
    return Error(Errc::kUnavailable, file.string() + " cannot be read: " + error.what());
  } catch (const fs::filesystem_error& error) {
    return Error(Errc::kUnavailable, file.string() + " cannot be read: " + error.what());
  }
}

}  // namespace portcall::store
