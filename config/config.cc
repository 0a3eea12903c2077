#include "config/config.h"

#include <algorithm>

#include "config/hidden.h"
#include "config/kind.h"
#include "runtime/bytes.h"
#include "runtime/http/url.h"

namespace portcall::config {

std::string_view Endpoint::type() const { return kind == nullptr ? std::string_view() : kind->name(); }

void Endpoint::DependOn(std::string_view fact) {
  fingerprint = runtime::HashHex("sha256", fingerprint + " " + std::string(fact));
}

bool Config::audits() const {
  return std::ranges::any_of(endpoints, [](const Endpoint& endpoint) {
    return !endpoint.disabled && endpoint.kind != nullptr && endpoint.kind->traits().audits;
  });
}

std::string PlaceOf(const Endpoint& entry) {
  if (!entry.place.empty()) return Hidden(entry.place, entry.hidden);
  const auto url = http::ParseUrl(entry.url);
  return Hidden(url ? url->Shown() : http::ShownUrl(entry.url), entry.hidden);
}

}  // namespace portcall::config
