#include "broker/core/lane_key.h"

namespace portcall::broker {

Laning LaningOf(const config::Endpoint& endpoint) {
  if (endpoint.collapse) return Laning::kTag;
  if (endpoint.order == config::Order::kStrict) return Laning::kStrict;
  return endpoint.order == config::Order::kNone ? Laning::kNone : Laning::kRepository;
}

std::string LaneOf(const store::Event& event, Laning laning) {
  switch (laning) {
    case Laning::kStrict:
      return store::LaneOfAll();
    case Laning::kNone:
      return store::LaneOfOne(event.seq);
    case Laning::kTag:
      return store::LaneOfTag(event.source, event.repository, event.tag);
    case Laning::kRepository:
      break;
  }
  return store::LaneOfRepository(event.source, event.repository);
}

}  // namespace portcall::broker
