#pragma once

#include <cstdint>
#include <vector>

#include "store/dead_letters.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

// Stores what a settlement of the cursor lets die. A range that begins where the cursor's last one ends is added to it.
void Bury(Connection& connection, std::int64_t cursor, const std::vector<DeadLetter>& letters);

}  // namespace portcall::store
