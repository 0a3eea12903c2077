#include "app/server/purge_log.h"

namespace portcall::app {

// What a purge that was called off did not reach was not kept, and nobody knows how many there were.
std::string Told(const registry::Purged& purged, bool called_off) {
  const std::size_t kept = purged.found - purged.deleted - purged.failed;
  std::string said = std::string("Purge uploads ") + (called_off ? "called off" : "finished") +
                     ".  Num deleted=" + std::to_string(purged.deleted) +
                     ", num errors=" + std::to_string(purged.failed);
  if (kept > 0 && !called_off) said += ", num kept=" + std::to_string(kept);
  return said;
}

}  // namespace portcall::app
