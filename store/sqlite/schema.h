#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "runtime/result.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

inline constexpr std::uint32_t kApplicationId = 0x506f7274;  // "Port": tells our files from other programs'

// What brings a database from the version before to its own; the first makes a new one.
struct Migration {
  const char* sql;
};
std::span<const Migration> Migrations();

// Brings the open database to the newest of `migrations`, which is the version stored in it. A version is reached in
// one transaction or not at all; an older file is copied to <file>.backup-vN before. kInvalid: the file is not ours, or
// newer than this program.
Result<void> Migrate(Connection& connection, const std::filesystem::path& file, std::span<const Migration> migrations);

// The tables that a database of the newest version has.
std::span<const char* const> Tables();

}  // namespace portcall::store
