#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/result.h"
#include "sinks/audit/log/note.h"

namespace portcall::sinks::audit {

// What the registry's database knows of the endpoint that writes the log.
struct DatabaseFacts {
  std::int64_t delivered = 0;  // events that were settled and are no dead letters: each has a record
  std::string receipt = {};    // what was stored with them; empty: none yet
  std::filesystem::path file = {};
};

struct VerifyProgress {
  std::uint64_t bytes = 0, of_bytes = 0, records = 0;
};

struct VerifyOptions {
  std::filesystem::path folder;
  std::optional<VerifierKey> key;              // without it the one that lies in the folder
  std::vector<std::filesystem::path> outside;  // files with checkpoints that were kept elsewhere
  std::optional<DatabaseFacts> database;
  std::function<void(const VerifyProgress&)> progress;  // now and then
};

struct Finding {
  std::string file;
  std::uint64_t line = 0;  // from 1; 0: the file as a whole
  std::optional<std::uint64_t> record;
  std::string what;
  std::string Text() const;
};

struct VerifyReport {
  std::vector<Finding> findings;     // damage, in the order of the log; empty: it is sound
  std::uint64_t more = 0;            // further findings that are not listed
  std::vector<std::string> notes;    // what is worth knowing and no damage
  std::uint64_t first = 0, end = 0;  // n of the first record, and of the one after the last
  std::uint64_t bytes = 0;           // of the files that were read
  std::uint64_t segments = 0, checkpoints = 0;
  std::uint64_t covered = 0;          // any checkpoint shows a truncation of records before this n
  std::uint64_t covered_outside = 0;  // the same of checkpoints from outside and the database
  std::string key;                    // the verifier key
  bool own_key = false;               // it came from the folder
  bool sound() const { return findings.empty(); }
  std::uint64_t records() const { return end - first; }
  void Find(Finding finding);  // lists it, or counts it where there are many
};

// Reads the whole log and checks each record's place and link, and each checkpoint's signature and root. A log that is
// being written may be verified. kInvalid: the key, or there is no audit log; else what could not be read, which is no
// damage.
Result<VerifyReport> Verify(const VerifyOptions& options);

}  // namespace portcall::sinks::audit
