#pragma once

#include <filesystem>

#include "runtime/files.h"

namespace portcall::sinks::audit {

// The right of one process to write in a folder; kConflict: another has it. Gone with the descriptor.
Result<runtime::Fd> LockFolder(const std::filesystem::path& folder);
bool HoldsLock(const runtime::Fd& lock, const std::filesystem::path& folder);  // it is still the folder's
bool IsLocked(const std::filesystem::path& folder);                            // somebody writes there now

}  // namespace portcall::sinks::audit
