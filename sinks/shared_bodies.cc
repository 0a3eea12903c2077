#include "sinks/shared_bodies.h"

namespace portcall::sinks {

std::shared_ptr<const Encoded> SharedBodies::Of(const store::EventPtr& event, std::string_view shape,
                                                const std::function<Encoded()>& encode) {
  if (BytesOf(*event) < kLarge) return std::make_shared<const Encoded>(encode());
  Key key(event.get(), shape);
  if (const auto known = bodies_.find(key); known != bodies_.end()) {
    if (auto held = known->second.lock()) return {held, &held->encoded};
  }
  Encoded made = encode();
  made.body.shrink_to_fit();  // formats reserve for the worst
  const auto held = std::make_shared<const Held>(event, std::move(made));
  std::erase_if(bodies_, [](const auto& entry) { return entry.second.expired(); });
  bodies_.insert_or_assign(std::move(key), held);
  return {held, &held->encoded};
}

}  // namespace portcall::sinks
