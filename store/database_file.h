#pragma once

#include <filesystem>

#include "runtime/result.h"

namespace portcall::store {

// Whether a database may be kept there: on a fit file system, and what has its name, or that of a file beside it, is a
// file or missing. kInvalid; every error says what to do. Any thread; it waits for the disk.
Result<void> CheckDatabasePlace(const std::filesystem::path& file);

// What is looked at before the database is touched: its place, and that it is ours or new. Nothing is written, and a
// file that is missing is right. Every error says what to do. Any thread; it waits for the disk.
Result<void> CheckDatabaseFile(const std::filesystem::path& file);

}  // namespace portcall::store
