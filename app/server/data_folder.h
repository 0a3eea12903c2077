#pragma once

#include <filesystem>

#include "runtime/result.h"

namespace portcall::app {

// Makes the data folder where it is missing. kInvalid when another registry's repositories lie in it and there is no
// database yet: a new catalog beside them would hide their images. In that case nothing is written.
Result<void> PrepareDataFolder(const std::filesystem::path& root, const std::filesystem::path& database);

}  // namespace portcall::app
