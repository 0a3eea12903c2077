#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/log.h"
#include "runtime/result.h"
#include "sinks/audit/note.h"
#include "sinks/audit/position.h"

namespace portcall::sinks::audit {

// Where an audit log goes on.
struct Recovered {
  Position position;
  Position marked;                      // at the last checkpoint; the chain's beginning where there is none
  std::string begun;                    // when the first record of the last segment was recorded; empty: there is none
  std::uint64_t checkpointed = 0;       // size of the last checkpoint, 0: none
  std::uint64_t checkpoints_bytes = 0;  // of the file, without a note that was being written
  std::string last_note;                // of that checkpoint
  bool resumed = false;                 // the last segment goes on; else a new one begins
};

// Reads what is needed of the folder and cuts off what a crash left unfinished. kInvalid: the records are not those
// that the last checkpoint covers, or it bears another signature; nothing was changed then.
Result<Recovered> Recover(const std::filesystem::path& folder, const VerifierKey& key, runtime::Log& log);

// The hash of the line that ends at `offset`, which is not 0.
Result<Hash> HashOfLineBefore(const std::filesystem::path& file, std::uint64_t offset);

}  // namespace portcall::sinks::audit
