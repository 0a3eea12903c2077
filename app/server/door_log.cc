#include "app/server/door_log.h"

#include <prometheus/counter.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portcall::app {
namespace {

struct Told {
  std::string_view reason, message;
};
// By http::Incident::Kind.
constexpr std::array<Told, 7> kTold{{{"malformed", "a request was refused"},
                                     {"slow", "a request was refused"},
                                     {"tls", "a TLS handshake failed"},
                                     {"certificate", "a client certificate was refused"},
                                     {"crowded", "connections are at their limit"},
                                     {"memory", "a connection gave up its memory"},
                                     {"descriptors", "a connection was not accepted"}}};
constexpr std::chrono::minutes kWindow{1};

}  // namespace

DoorLog::DoorLog(runtime::Log& log, runtime::Metrics& metrics, const runtime::Clock& clock) : log_(log), clock_(clock) {
  const runtime::MutexLock lock(mutex_);
  for (std::size_t i = 0; i < kKinds; ++i) {
    kinds_[i].counter = &metrics.Count("portcall_http_refused_total",
                                       "Connections and requests that were refused or ended by the server before their "
                                       "time. Those that ended to make room (crowded, memory) may be in "
                                       "registry_http_requests_total, too.",
                                       {{"reason", std::string(kTold[i].reason)}});
  }
}

void DoorLog::Tell(const http::Incident& incident) {
  const auto place = static_cast<std::size_t>(incident.kind);
  std::uint64_t unsaid = 0;
  {
    const runtime::MutexLock lock(mutex_);
    Kind& kind = kinds_.at(place);
    kind.counter->Increment();
    const runtime::SteadyTime now = clock_.Ticks();
    if (kind.said == 0 || now - kind.since >= kWindow) {
      kind.since = now;
      kind.said = 0;
      unsaid = std::exchange(kind.unsaid, 0);
    }
    if (kind.said == kLines) {
      ++kind.unsaid;
      return;
    }
    ++kind.said;
  }
  std::vector<runtime::LogField> fields;
  fields.push_back({"error", std::string(incident.what)});
  if (!incident.peer.empty()) fields.push_back({"http.request.remoteaddr", std::string(incident.peer)});
  if (incident.status != 0) fields.push_back({"http.response.status", std::to_string(incident.status)});
  if (unsaid > 0) fields.push_back({"unsaid", std::to_string(unsaid)});
  const bool ours = incident.kind == http::Incident::Kind::kNoDescriptors;
  log_.Write(ours ? runtime::Level::kError : runtime::Level::kWarn, kTold[place].message, fields);
}

}  // namespace portcall::app
