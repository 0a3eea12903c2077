#include "sinks/kind.h"

#include "config/config.h"

namespace portcall::sinks {

Result<std::unique_ptr<Sink>> MakeSink(const config::Endpoint& endpoint, const Surroundings& around) {
  const auto* kind = dynamic_cast<const Kind*>(endpoint.kind);
  if (kind != nullptr) return kind->Make(endpoint, around);
  return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": unknown type '" + std::string(endpoint.type()) + "'");
}

}  // namespace portcall::sinks
