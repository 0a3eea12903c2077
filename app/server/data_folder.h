#pragma once

#include <filesystem>

#include "runtime/result.h"

namespace portcall::app {

// Makes the data folder where it is missing. kInvalid when there can be no database at its place, or when another
// registry's repositories lie in the folder and there is no database yet: a new catalog beside them would hide their
// images. In that case nothing is written.
Result<void> PrepareDataFolder(const std::filesystem::path& root, const std::filesystem::path& database);

}  // namespace portcall::app
