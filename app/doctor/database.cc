#include "app/doctor/database.h"

#include <algorithm>
#include <memory>
#include <system_error>

#include "app/doctor/volume.h"
#include "app/server/options.h"
#include "runtime/text.h"
#include "runtime/time.h"
#include "store/database_look.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using runtime::Finding;
using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;

constexpr std::chrono::milliseconds kReading(3'500);
constexpr std::int64_t kSecond = 1'000'000'000;

std::uint64_t SizeOf(const fs::path& file) {
  std::error_code none;
  const auto size = fs::file_size(file, none);
  return none ? 0 : size;
}

Finding JudgeSchema(const fs::path& file, const store::DatabaseSight& sight) {
  const std::string has = "schema version " + std::to_string(sight.version);
  if (sight.version == sight.newest) return Fine("schema", has + ", which is this program's");
  const std::string knows = ", and this program knows up to " + std::to_string(sight.newest);
  if (sight.version > sight.newest) {
    return Problem("schema", file.string() + " has " + has + knows,
                   "use the newer program, or restore the copy that its upgrade made (" + file.filename().string() +
                       ".backup-vN)");
  }
  return Note("schema", file.string() + " has " + has + knows + "; its rows were not looked at",
              "nothing: the next start upgrades it, after a copy for which its volume needs as much room again");
}

Finding JudgeContent(const store::DatabaseSight& sight) {
  if (sight.damage) {
    return Problem("content", sight.damage->detail, "do that, with the server stopped (docs/delivery.md §8)");
  }
  const std::string read =
      std::to_string(sight.whole.size()) + " of " + std::to_string(sight.trees) + " tables and indexes were read whole";
  if (sight.read_all()) return Fine("content", "all rows were read, and are right (" + read + ")");
  return Fine("content", "what was read in the time for it is right: " + read);
}

std::int64_t BoundOf(const config::Config& config) {
  if (config.events.max_bytes > 0) return static_cast<std::int64_t>(config.events.max_bytes);
  const auto volume = VolumeOf(fs::absolute(DatabaseOf(config.storage)).parent_path());
  return volume ? static_cast<std::int64_t>(volume->size / 100) * config.events.max_percent : 0;
}

Finding JudgeLog(const config::Config& config, const store::DatabaseSight& sight) {
  const std::int64_t most = BoundOf(config), used = sight.held_bytes + sight.other_bytes;
  constexpr std::int64_t kFull = 95, kHigh = 80, kAll = 100;
  const std::string how = ShowBytes(static_cast<std::uint64_t>(used)) + " of " +
                          ShowBytes(static_cast<std::uint64_t>(most)) + " (events.maxsize) are needed; " +
                          std::to_string(sight.events) + " events are kept";
  if (most <= 0)
    return Warning("event log", "the size of its volume is not known, so that it has no bound", "set events.maxsize");
  const std::string todo =
      "see which endpoint keeps them (portcall endpoints list), and mend or drop it; or raise events.maxsize";
  if (used >= most / kAll * kFull) {
    const bool refuses = config.events.on_full == config::OnFull::kRefuse;
    return Problem("event log", how + ": full, and " + (refuses ? "pushes get 503" : "the oldest events expire"), todo);
  }
  return used >= most / kAll * kHigh ? Warning("event log", how, todo) : Fine("event log", how);
}

Finding JudgeFree(const std::string& what, const fs::path& folder, std::uint64_t reserve) {
  const auto volume = VolumeOf(folder);
  if (!volume) return Warning(what, "the volume of " + folder.string() + " cannot be asked", "see that it is mounted");
  const std::string how = ShowBytes(volume->free) + " of " + ShowBytes(volume->size) + " free on " + volume->place +
                          ", storage.reserve is " + ShowBytes(reserve);
  const std::string todo = "free space there, or enlarge the volume";
  if (volume->free < reserve) return Problem(what, how + ": pushes are refused", todo);
  return volume->free < 2 * reserve ? Warning(what, how + ": soon pushes are refused", todo) : Fine(what, how);
}

}  // namespace

Finding JudgeClock(std::int64_t now, std::int64_t newest) {
  if (newest == 0) return Fine("clock and events", "there are no events to compare it with");
  if (now >= newest) return Fine("clock and events", "the newest event is from " + runtime::Rfc3339Nano(newest));
  return Problem("clock and events",
                 "it is " + runtime::Rfc3339Nano(now) + ", before the newest event's time, " +
                     runtime::Rfc3339Nano(newest) + ": new events get that time until the clock has caught up",
                 "set the clock (timedatectl); " + std::to_string((newest - now) / kSecond) + " s are missing");
}

Findings LookAtContent(const Installation& it, std::chrono::milliseconds patience) {
  const fs::path file = DatabaseOf(it.config->storage);
  std::error_code none;
  if (!fs::exists(file, none)) {
    // A log without it is somebody's data.
    return {SizeOf(file.string() + "-wal") > 0
                ? Problem("database", file.string() + " is missing, but its log is there",
                          "put the database back beside its -wal file")
                : Note("database", file.string() + " is not there", "nothing: the first start makes it")};
  }
  const auto sight = store::LookAtDatabase(file, it.database_open, patience);
  if (it.database_open != store::IsOpenSomewhere(file)) {
    return {Note("database", "a server was started or ended while it was looked at", "ask again")};
  }
  if (!sight) {
    return {Problem("database", sight.error().detail,
                    sight.error().code == Errc::kInvalid ? "do that, with the server stopped"
                                                         : "run this as " + it.server.name + ", or as root")};
  }
  Findings found{JudgeSchema(file, *sight)};
  if (sight->version != sight->newest) return found;
  found.push_back(JudgeContent(*sight));
  if (sight->damage) return found;
  found.push_back(JudgeLog(*it.config, *sight));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  found.push_back(JudgeClock(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(), sight->newest_event));
  return found;
}

Findings LookAtRoom(const Installation& it) {
  const config::StorageConfig& storage = it.config->storage;
  const fs::path file = DatabaseOf(storage), folder = fs::absolute(file).parent_path();
  Findings found;
  std::error_code none;
  if (fs::exists(folder, none)) found.push_back(JudgeFree("room for the database", folder, storage.reserve_bytes));
  if (folder != fs::absolute(it.root()) && fs::exists(it.root(), none)) {
    found.push_back(JudgeFree("room for blobs", it.root(), storage.reserve_bytes));
  }
  if (!fs::exists(file, none)) return found;
  constexpr std::uint64_t kMuch = 1ULL << 30;
  const std::uint64_t log = SizeOf(file.string() + "-wal");
  const std::string how = file.string() + " has " + ShowBytes(SizeOf(file)) + ", its -wal file " + ShowBytes(log);
  if (log >= kMuch) {
    found.push_back(Warning("size", how + ", which is far more than usual",
                            "look for who reads the database for long (a copy, a shell of sqlite3), and end that; a "
                            "restart of the server also moves it into the database"));
  } else if (log > 0 && !it.running()) {
    found.push_back(Note("size", how + ": the server did not end by itself",
                         "nothing: the next start takes that up, and checks the database"));
  } else {
    found.push_back(Fine("size", how));
  }
  return found;
}

std::vector<Look> DatabaseLooks(const std::shared_ptr<const Installation>& it) {
  return {{"database", "room", kUsualPatience, [it] { return LookAtRoom(*it); }},
          {"database", "content", kUsualPatience, [it] { return LookAtContent(*it, kReading); }}};
}

}  // namespace portcall::app
