#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/result.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/verify.h"

namespace portcall::sinks::audit {

// There may be one a minute for years, so it is small: about 80 bytes.
struct SignedCheckpoint {
  std::uint64_t size = 0;
  Hash root{};
  std::shared_ptr<const std::string> file;  // where it stands; never null
  std::uint64_t line = 0;
  bool outside = false;
};

// The log's own, in order; what is wrong with the file goes to the report. None where there is no file.
Result<std::vector<SignedCheckpoint>> LoadOwn(const std::filesystem::path& folder, const VerifierKey& key,
                                              VerifyReport& report);
// Those in a file that was kept elsewhere: notes as they stand, or JSON lines that hold them as text (an event that
// brought one, in whatever format). Checkpoints of other logs may stand among them, as of all logs of a registry: they
// have another origin, or another key than one that is trusted because it came from elsewhere, and are left out, which
// the report notes. kInvalid: none is this log's.
Result<std::vector<SignedCheckpoint>> LoadOutside(const std::filesystem::path& file, const VerifierKey& key,
                                                  VerifyReport& report);

}  // namespace portcall::sinks::audit
