#include "broker/endpoint/expiring.h"

#include <algorithm>

namespace portcall::broker {

void TellExpired(runtime::Log& log, const std::string& endpoint, store::Seq from, store::Seq through,
                 std::int64_t events) {
  log.Error("events expired undelivered: the event log has reached events.maxsize",
            {{"endpoint", endpoint},
             {"from", std::to_string(from)},
             {"to", std::to_string(through)},
             {"events", std::to_string(events)}});
}

Task<Result<void>> ReadExpiring(CatchUpReader& reader, store::Seq head, Expiry& expiry, const bool& stopping) {
  store::Seq after = expiry.first() - 1;
  while (after < expiry.through()) {
    if (stopping) co_return Error(Errc::kCancelled, "stopping");
    Result<CatchUpReader::Chunk> chunk = co_await reader.Read(after, head, stopping);
    if (!chunk) co_return chunk.error();
    for (const store::EventPtr& event : *chunk->events) {
      if (event->seq > after) expiry.Take(*event);
    }
    after = std::max(after + 1, chunk->through);
  }
  co_return Result<void>();
}

}  // namespace portcall::broker
