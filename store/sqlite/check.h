#pragma once

#include <filesystem>

#include "runtime/result.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

// What is looked at before a database is served, after store/database_file.h. It takes a bounded time, however long the
// log is. Every error says what to do.

// After opening, which fails for a truncated file, and migration to the newest version: the tables are there and can
// be read, and no cursor is beyond the head.
Result<void> CheckContent(Connection& connection, const std::filesystem::path& file);

std::filesystem::path WriteAheadLogOf(const std::filesystem::path& file);
// The error that damage is reported with.
Error Damaged(const std::filesystem::path& file, const std::string& what);

}  // namespace portcall::store
