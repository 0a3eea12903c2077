#pragma once

#include <cstdint>
#include <vector>

#include "store/attempts.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

// Stores the attempts that a settlement of the cursor tells of.
void Record(Connection& connection, std::int64_t cursor, const std::vector<AttemptRow>& attempts);

}  // namespace portcall::store
