#include "runtime/http/crowd.h"

#include <algorithm>
#include <vector>

namespace portcall::http {

void Crowd::Look(Connections& connections, Connection::Clock::time_point now) {
  for (Connection& connection : connections.busy) {
    connection.Look(now);
    // Who comes by a Unix socket has none, and may be anybody on this machine.
    if (!connection.address().empty()) ++by_address_[connection.address()];
  }
}

std::string_view Crowd::Largest(std::uint32_t places) const {
  const auto largest =
      std::ranges::max_element(by_address_, {}, [](const auto& held) -> std::uint32_t { return held.second; });
  const bool beyond = largest != by_address_.end() && largest->second > places / 4;
  return beyond ? std::string_view(largest->first) : std::string_view();
}

std::size_t EndSlow(Connections& connections, std::string_view address, double min_rate, std::size_t most) {
  std::vector<Connection*> slow;
  for (Connection& connection : connections.busy) {
    if (connection.address() == address && connection.rate().value_or(min_rate) < min_rate) {
      slow.push_back(&connection);
    }
  }
  std::ranges::sort(slow, {}, [](const Connection* connection) { return *connection->rate(); });
  slow.resize(std::min(slow.size(), most));
  for (Connection* connection : slow) {
    connection->MakeRoom("ended to make room for a new connection: it is slow, and its address has most of all");
  }
  return slow.size();
}

void LookAtHolders(Connections& connections, Connection::Clock::time_point now, const ServerLimits& limits, bool end) {
  const double seconds = std::chrono::duration<double>(limits.memory_hold).count();
  for (Connection& connection : connections.busy) {
    const std::uint64_t holds = connection.holds();
    if (holds == 0) continue;
    connection.Look(now);
    const double least = std::max(static_cast<double>(limits.crowd_min_rate), static_cast<double>(holds) / seconds);
    if (end && connection.rate().value_or(least) < least) connection.GiveMemory();
  }
}

}  // namespace portcall::http
