#include "sinks/kind.h"

#include "config/config.h"
#include "config/hidden.h"

namespace portcall::sinks {

Result<std::unique_ptr<Sink>> MakeSink(const config::Endpoint& endpoint, const Surroundings& around) {
  const auto* kind = dynamic_cast<const Kind*>(endpoint.kind);
  if (kind != nullptr) {
    auto made = kind->Make(endpoint, around);
    if (!made) return Error(made.error().code, config::Hidden(made.error().detail, endpoint.hidden));
    return made;
  }
  return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": unknown type '" + std::string(endpoint.type()) + "'");
}

}  // namespace portcall::sinks
