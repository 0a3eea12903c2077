#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "runtime/result.h"
#include "store/cursors.h"

namespace portcall::store {

struct PeekedCursor {
  Cursor cursor;
  std::int64_t dead = 0;  // events of its dead letters
};

// The live cursor of an endpoint, read from a database that a server may be using, without changing it; an empty name:
// that of the only endpoint there is. kNotFound: there is none such; kUnavailable: the file cannot be read.
Result<PeekedCursor> PeekCursor(const std::filesystem::path& database, std::string_view endpoint);

}  // namespace portcall::store
