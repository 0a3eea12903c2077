#pragma once

#include <cstdint>

#include "store/sqlite/connection.h"

namespace portcall::store {

// Puts a new random token on all cursors: whoever had opened the database before settles none of them any more. On a
// full disk the token that they have is taken over.
std::int64_t TakeCursors(Connection& connection);

}  // namespace portcall::store
