#include "app/doctor/endpoints.h"

#include <sys/stat.h>

#include <memory>

#include "app/admin/user_names.h"
#include "app/doctor/certificate_end.h"
#include "app/doctor/volume.h"
#include "config/kind.h"
#include "config/reader/disk_places.h"
#include "runtime/http/tls.h"
#include "sinks/inspection.h"

namespace portcall::app {
namespace {

using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;

// An endpoint's connections, and that with the lookup of its names.
constexpr std::chrono::milliseconds kPatience(4'000), kOne(9'000), kMany(50'000);
constexpr std::size_t kAtOnce = 64;

Findings JudgeOwnCertificate(const config::Endpoint& endpoint) {
  if (endpoint.certificate.empty()) return {};
  const auto end = http::CertificateEnd(endpoint.certificate);
  if (!end) return {};
  return {JudgeEnd(endpoint.name + " tls.certificate", *end, std::chrono::system_clock::now(),
                   "renew it: a new file is taken into use within a minute")};
}

}  // namespace

Findings LookAtAuditFolder(const Installation& it, const config::Endpoint& endpoint) {
  const std::string what = endpoint.name + " " + endpoint.place;
  struct stat status{};
  if (::stat(endpoint.place.c_str(), &status) != 0) {
    const config::Obstacle obstacle = config::WhyUnwritable(endpoint.place);
    if (!obstacle.why.empty())
      return {Problem(what, obstacle.why, "make the folder, and chown it to " + it.server.name)};
    return {Note(what, "is not there", "nothing: the server makes it")};
  }
  const std::string why = WhyMayNot(it.server, endpoint.place, {Right::kRead, Right::kWrite, Right::kEnter});
  if (!why.empty()) return {Problem(what, why, "chown " + it.server.name + " " + endpoint.place)};
  constexpr unsigned kWriteForOthers = 0002;
  if ((status.st_mode & kWriteForOthers) != 0) {
    return {Warning(what, "everybody may write the audit log's folder", "chmod o-w " + endpoint.place)};
  }
  constexpr std::uint64_t kLittle = 64ULL << 20;
  const auto volume = VolumeOf(endpoint.place);
  const std::string how =
      "owner " + UserName(status.st_uid) +
      (volume ? ", " + ShowBytes(volume->free) + " free on " + volume->place + " (" + volume->type + ")" : "");
  if (volume && volume->free < kLittle) {
    return {
        Problem(what, how, "free space there: what is to be recorded waits, and with audit.strict requests do, too")};
  }
  return {Fine(what, how)};
}

std::vector<Look> EndpointLooks(const std::shared_ptr<const Installation>& it) {
  std::vector<Look> looks;
  const std::vector<config::Endpoint>& all = it->config->endpoints;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto see = [it, i]() -> Findings {
      const config::Endpoint& endpoint = it->config->endpoints[i];
      if (endpoint.disabled) {
        return {Note(endpoint.name, "is disabled, and was not looked at", "take out `disabled` when it is wanted")};
      }
      if (endpoint.kind != nullptr && endpoint.kind->traits().audits) return LookAtAuditFolder(*it, endpoint);
      Findings found = sinks::Inspect(endpoint, kPatience);
      runtime::Add(found, JudgeOwnCertificate(endpoint));
      return found;
    };
    looks.push_back({"endpoints", all[i].name, all.size() > kAtOnce ? kMany : kOne, see});
    if (all.size() > kAtOnce) looks.back().lane = "endpoints " + std::to_string(i % kAtOnce);
  }
  return looks;
}

}  // namespace portcall::app
