#include "config/reader/address.h"
#include "config/sections/sections.h"

namespace portcall::config {
namespace {

void ReadTarget(MapReader& section, std::string_view key, HealthCheck& check) {
  section.Read(key, check.target);
  if (const auto hidden = section.PlaceOf("").hidden) check.hidden = *hidden;
}

void ReadTiming(MapReader& section, HealthCheck& check) {
  section.ReadAtLeast("interval", Millis(100), check.interval);
  section.Read("threshold", 0, 1'000'000, check.threshold);
  if (check.threshold == 0) check.threshold = 1;
}

HealthCheck ReadFileCheck(MapReader& section) {
  HealthCheck check;
  check.kind = HealthCheck::Kind::kFile;
  ReadTarget(section, "file", check);
  if (check.target.empty()) section.Error("file", "is missing: the path of a file whose presence means unhealthy");
  ReadTiming(section, check);
  return check;
}

HealthCheck ReadHttpCheck(MapReader& section) {
  HealthCheck check;
  check.kind = HealthCheck::Kind::kHttp;
  ReadTarget(section, "uri", check);
  if (std::string why = WhyBadUrl(check.target); !why.empty()) section.Error("uri", why);
  section.ReadHeaders("headers", check.headers);
  section.Read("statuscode", 100, 599, check.status);
  section.Read("timeout", check.timeout);
  ReadTiming(section, check);
  return check;
}

HealthCheck ReadTcpCheck(MapReader& section) {
  HealthCheck check;
  check.kind = HealthCheck::Kind::kTcp;
  ReadTarget(section, "addr", check);
  if (std::string why = WhyBadAddress(check.target, AddressFor::kConnect); !why.empty()) section.Error("addr", why);
  section.Read("timeout", check.timeout);
  ReadTiming(section, check);
  return check;
}

}  // namespace

void ReadHealth(MapReader& root, std::vector<HealthCheck>& health) {
  MapReader section = root.Sub("health");
  MapReader storage = section.Sub("storagedriver");
  bool enabled = false;
  HealthCheck check;
  storage.Read("enabled", enabled);
  ReadTiming(storage, check);
  storage.Finish();
  if (enabled) health.push_back(check);
  section.ForEach("file", [&](MapReader& entry) { health.push_back(ReadFileCheck(entry)); });
  section.ForEach("http", [&](MapReader& entry) { health.push_back(ReadHttpCheck(entry)); });
  section.ForEach("tcp", [&](MapReader& entry) { health.push_back(ReadTcpCheck(entry)); });
  section.Finish();
}

}  // namespace portcall::config
