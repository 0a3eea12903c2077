#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/result.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/position.h"
#include "sinks/hiding_log.h"

namespace portcall::sinks::audit {

// Whole records that were cut, because nothing vouched for them.
struct KeptAside {
  std::filesystem::path file;
  std::string text;  // empty: there are none
};

// Where an audit log goes on.
struct Recovered {
  Position position;
  Position marked;                      // at the last checkpoint; the chain's beginning where there is none
  std::string begun;                    // when the first record of the last segment was recorded; empty: there is none
  std::uint64_t checkpointed = 0;       // size of the last checkpoint, 0: none
  std::uint64_t checkpoints_bytes = 0;  // of the file, without a note that was being written
  std::string last_note;                // of that checkpoint
  KeptAside aside;
  bool resumed = false;     // the last segment goes on; else a new one begins
  bool begun_anew = false;  // the folder is empty, although there is a receipt
};

// Reads what is needed of the folder. `receipt`: the last one that the database has, empty: it has none. After a crash
// the folder may be ahead of it; records that neither it nor a checkpoint covers are cut: their events come again.
// kInvalid: records or checkpoints that the last checkpoint or the receipt covers are missing or changed, or the two
// bear another signature; nothing was changed then.
Result<Recovered> Recover(const std::filesystem::path& folder, const VerifierKey& key, const std::string& receipt,
                          const HidingLog& log);

// The origin that the folder's log began with, as its last checkpoint says, or the receipt where there is none yet.
// Nothing: there is no log, or `key`, whatever its name, signed neither.
std::optional<std::string> FindOrigin(const std::filesystem::path& folder, const VerifierKey& key,
                                      const std::string& receipt);

// The hash of the line that ends at `offset`, which is not 0.
Result<Hash> HashOfLineBefore(const std::filesystem::path& file, std::uint64_t offset);

}  // namespace portcall::sinks::audit
