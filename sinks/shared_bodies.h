#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "store/event.h"

namespace portcall::sinks {

// An event as the body of an HTTP request.
struct Encoded {
  std::string body;
  std::string fields;  // header lines that belong to this event, each ended by CRLF; safe to send
};

// The bodies of large events that are under way: one that several endpoints send in the same shape at the same time is
// there once. Keeps none alive beyond that. Lives on the loop of the sinks that share it.
class SharedBodies {
 public:
  static constexpr std::size_t kLarge = 64 << 10;  // bytes of an event; smaller ones are quicker made than looked for

  // `shape` names all that the body depends on beside the event; `encode` makes it.
  std::shared_ptr<const Encoded> Of(const store::EventPtr& event, std::string_view shape,
                                    const std::function<Encoded()>& encode);

 private:
  // Holds the event too, so that no other one can have its address while this is alive.
  struct Held {
    store::EventPtr event;
    Encoded encoded;
  };
  using Key = std::pair<const store::Event*, std::string>;
  std::map<Key, std::weak_ptr<const Held>> bodies_;
};

}  // namespace portcall::sinks
