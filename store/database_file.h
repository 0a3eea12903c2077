#pragma once

#include <filesystem>

#include "runtime/result.h"

namespace portcall::store {

// What is looked at before the database is touched: it is ours or new, and on a fit file system. Nothing is written,
// and a file that is missing is right. Every error says what to do. Any thread; it waits for the disk.
Result<void> CheckDatabaseFile(const std::filesystem::path& file);

}  // namespace portcall::store
