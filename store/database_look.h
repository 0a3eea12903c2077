#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace portcall::store {

// A database as it is seen without changing anything on the disk, also while a server uses it.
struct DatabaseSight {
  std::int64_t version = 0, newest = 0;  // of its schema, and of what this program knows
  // Where the two are one:
  std::int64_t newest_event = 0;                 // when it was recorded, ns; 0: there is none
  std::int64_t held_bytes = 0, other_bytes = 0;  // of the log: what endpoints need; dead letters and attempts
  std::int64_t events = 0;                       // that are kept
  std::vector<std::string> whole;                // tables and indexes of which each row was read
  std::int64_t trees = 0;                        // tables and indexes that there are
  std::optional<Error> damage;                   // what is wrong with its content
  bool read_all() const { return !damage && static_cast<std::int64_t>(whole.size()) >= trees; }
};

// Whether some process has the database open, by the engine's locks, which are only asked for. False also where that
// cannot be told. Not while this process has it open, whose locks it would end.
bool IsOpenSomewhere(const std::filesystem::path& file);

// Looks at a database that is there, and reads its rows for `patience` at most. `open`: of IsOpenSomewhere; where that
// is no longer so, what was read means nothing. kInvalid: it is damaged, or no database of ours; kUnavailable: it
// cannot be read. Any thread.
Result<DatabaseSight> LookAtDatabase(const std::filesystem::path& file, bool open, std::chrono::milliseconds patience);

}  // namespace portcall::store
