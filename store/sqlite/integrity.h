#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "runtime/result.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

// Reads every row of every table and index, and holds it against its place in the order and the types of its columns.
// It goes in reads of about `read` (but of one row at least) with pauses as long as they took, so that the write-ahead
// log can begin anew between them and others have the disk. `stop` is asked between two reads; when it says so, what
// was seen until then was right. `whole` is told each table and index that has been read to its end.
Result<void> CheckEverything(Connection& connection, const std::filesystem::path& file,
                             const std::function<bool()>& stop,
                             std::chrono::milliseconds read = std::chrono::milliseconds(20),
                             const std::function<void(const std::string&)>& whole = {});

}  // namespace portcall::store
