#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/result.h"
#include "sinks/audit/log/merkle.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/record.h"

namespace portcall::sinks::audit {

// A place between two records, with all that is needed to go on from there.
struct Position {
  Tree tree;              // its size is the n of the next record
  Hash prev = Genesis();  // the hash of the line before
  std::int64_t seq = 0;   // of the last event, and when it was recorded
  std::string recorded;
  std::uint64_t segment = 0;  // n of the first record of the segment it lies in
  std::uint64_t offset = 0;   // in that segment

  std::uint64_t size() const { return tree.size(); }
  // Takes in a line; false: it is no record, or does not follow the one before.
  bool Follow(Hashing& hashing, std::string_view line);
};

std::string EncodePosition(const Position& position);
std::optional<Position> DecodePosition(std::string_view text);

// Where a start begins to read, so that it needs to read only the last records. Nothing of it is believed until the
// records behind it have led to a signed root, so that losing or forging it costs time alone; it bears a checksum.
Result<void> SaveState(const std::filesystem::path& folder, const Position& position);
std::optional<Position> LoadState(const std::filesystem::path& folder);

// Where the chain begins since old segments were removed, signed. kNotFound: nothing was removed; kInvalid: the file is
// not what the key signed.
Result<void> SaveRetained(const std::filesystem::path& folder, const Position& position, const SigningKey& key);
Result<Position> LoadRetained(const std::filesystem::path& folder, const VerifierKey& key);

}  // namespace portcall::sinks::audit
