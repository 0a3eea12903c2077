#include "app/debug/debug_vars.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/json.h"
#include "runtime/time.h"

namespace portcall::app {
namespace {

using Json = nlohmann::ordered_json;
using broker::BreakerState;
using broker::EndpointStatus;

// Younger events are on their way; older ones are late.
constexpr std::chrono::seconds kLate(60);

using runtime::Dump;

// Null where there is nothing, and in the order of the names, as Distribution has it.
Json Headers(const config::HeaderList& headers) {
  nlohmann::json object;
  for (const auto& header : headers) object[header.first].push_back("***");
  return object;
}

Json ListOrNull(const std::vector<std::string>& words) { return words.empty() ? Json() : Json(words); }

std::int64_t Nanos(config::Millis duration) { return std::chrono::nanoseconds(duration).count(); }

Json Metrics(const EndpointStatus& status) {
  Json statuses = Json::object();
  for (const auto& [text, count] : status.statuses) statuses[text] = count;
  return Json{{"Pending", status.pending},         {"Events", status.events}, {"Successes", status.successes},
              {"Failures", status.failures},       {"Errors", status.errors}, {"Statuses", std::move(statuses)},
              {"DeadLetters", status.dead_letters}};
}

Json Endpoint(const config::Config& config, const EndpointStatus& status) {
  Json object{{"name", status.name}, {"url", status.url}};
  const auto entry = std::ranges::find(config.endpoints, status.name, &config::Endpoint::name);
  if (entry != config.endpoints.end()) {
    object["Headers"] = Headers(entry->headers);
    object["Timeout"] = Nanos(entry->timeout);
    object["Threshold"] = entry->threshold;
    object["Backoff"] = Nanos(entry->backoff);
    object["IgnoredMediaTypes"] = ListOrNull(entry->ignore.media_types);
    object["Ignore"] =
        Json{{"MediaTypes", ListOrNull(entry->ignore.media_types)}, {"Actions", ListOrNull(entry->ignore.actions)}};
  }
  object["Metrics"] = Metrics(status);
  return object;
}

bool IsLate(const EndpointStatus& s) {
  return s.breaker != BreakerState::kClosed || s.paused || (s.orphaned && s.pending > 0) || s.dead_letters > 0 ||
         s.oldest_pending > kLate || !s.reason.empty();
}

Json Expired(const std::vector<config::CertificateEnd>& certificates) {
  Json list = Json::array();
  for (const config::CertificateEnd& one : certificates) {
    const auto end = std::chrono::duration_cast<std::chrono::nanoseconds>(one.end.time_since_epoch()).count();
    list.push_back(Json{{"endpoint", one.endpoint}, {"file", one.file}, {"expired", runtime::Rfc3339Nano(end)}});
  }
  return list;
}

}  // namespace

std::string DebugVars(const config::Config& config, const std::vector<EndpointStatus>& endpoints,
                      const ProcessStats& process, const std::vector<std::string>& command_line) {
  Json list;  // null, as Distribution has it without endpoints
  for (const EndpointStatus& status : endpoints) list.push_back(Endpoint(config, status));
  Json page;
  page["cmdline"] = command_line;
  page["memstats"] = Json{{"Alloc", process.resident_bytes},
                          {"Sys", process.virtual_bytes},
                          {"Resident", process.resident_bytes},
                          {"Threads", process.threads},
                          {"OpenFiles", process.open_fds}};
  page["registry"] = Json{{"notifications", Json{{"endpoints", std::move(list)}}}};
  return Dump(page);
}

std::string HealthBody(const std::map<std::string, std::string>& failing, const std::vector<EndpointStatus>* late,
                       const std::vector<config::CertificateEnd>& expired) {
  Json body = Json::object();
  for (const auto& [check, why] : failing) body[check] = why;
  if (late == nullptr) return Dump(body);
  Json list = Json::array();
  for (const EndpointStatus& status : *late) {
    if (!IsLate(status)) continue;
    list.push_back(
        Json{{"name", status.name},
             {"oldest_pending_seconds",
              std::chrono::duration<double>(status.oldest_pending.value_or(std::chrono::nanoseconds(0))).count()},
             {"pending", status.pending},
             {"breaker", WordOf(status.breaker)},
             {"paused", status.paused},
             {"orphaned", status.orphaned},
             {"dead_letters", status.dead_letters},
             {"reason", status.reason}});
  }
  body["endpoints"] = std::move(list);
  if (!expired.empty()) body["certificates"] = Expired(expired);
  return Dump(body);
}

}  // namespace portcall::app
