#include "store/sqlite/holder.h"

#include <limits>
#include <random>
#include <string>

namespace portcall::store {

std::int64_t TakeCursors(Connection& connection) {
  std::random_device source;
  const std::int64_t token =
      std::uniform_int_distribution<std::int64_t>(1, std::numeric_limits<std::int64_t>::max() - 1)(source);
  try {
    connection.Exec(("UPDATE cursors SET holder=" + std::to_string(token)).c_str());
  } catch (const DatabaseError& error) {
    if (!error.no_space()) throw;
    const std::int64_t known = connection.Number("SELECT max(holder) FROM cursors");
    return known != 0 ? known : token;
  }
  return token;
}

}  // namespace portcall::store
