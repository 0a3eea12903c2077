#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sinks/audit/log/note.h"

namespace portcall::sinks::audit {

// What goes into the database with the events that it says are recorded (Outcome::receipt): a signed checkpoint of all
// that is on disk, with one line more. Whoever has no key can neither change the records before it nor make another.
struct Receipt {
  Checkpoint checkpoint;
  std::uint64_t covered = 0;  // size of the last checkpoint in the folder

  std::string Sign(const SigningKey& key) const;
  static std::optional<Receipt> Open(std::string_view note, const VerifierKey& key);  // nothing: it is not the key's
};

}  // namespace portcall::sinks::audit
