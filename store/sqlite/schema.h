#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>

#include "runtime/result.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

inline constexpr std::uint32_t kApplicationId = 0x506f7274;  // "Port": tells our files from other programs'

// What brings a database from the version before to its own; the first makes a new one.
struct Migration {
  // One transaction, before anything is served: definitions, and rows of tables that stay small.
  const char* sql;
  // What there is to do to the rows of a large table: one statement that changes those with a key above ?1, at most ?2
  // of them and in the order of their keys, and returns the keys. The writer runs it again and again behind everything
  // else, so until it comes to its end the program finds rows of both kinds.
  const char* slice = nullptr;
};
std::span<const Migration> Migrations();

// Brings the open database to the newest of `migrations`, which is the version stored in it. A version is reached in
// one transaction or not at all; an older file is copied to <file>.backup-vN before. Slices that an earlier version
// left are done first; those of the newest are left to RunSlice. Memory stays bounded however large the file is: what
// is sorted lies beside it. `room`: bytes that are free on its volume. kInvalid: the file is not ours, or newer than
// this program; kNoSpace: there is too little room for an upgrade. Nothing was changed in either case.
Result<void> Migrate(Connection& connection, const std::filesystem::path& file, std::span<const Migration> migrations,
                     std::uint64_t room = std::numeric_limits<std::uint64_t>::max());

// Changes at most `rows` rows of what migrations have left, in the caller's transaction, which also keeps how far that
// came. False: nothing is left.
bool RunSlice(Connection& connection, std::span<const Migration> migrations, std::int64_t rows);
bool HasSlicesLeft(Connection& connection, std::span<const Migration> migrations);

// The tables that a database of the newest version has.
std::span<const char* const> Tables();

}  // namespace portcall::store
