#include "app/admin/api.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "app/admin/attempt_calls.h"
#include "app/admin/call.h"
#include "app/admin/dead_calls.h"
#include "app/admin/event_calls.h"
#include "app/admin/shapes.h"
#include "config/reader/scalars.h"
#include "runtime/http/url.h"
#include "runtime/text.h"

namespace portcall::app {
namespace {

using broker::EndpointStatus;

constexpr std::size_t kLongestReason = 1'000;  // bytes

AdminAnswer ListEndpoints(const Call& call) { return Json(EndpointsJson(call.sources.broker.Status())); }

AdminAnswer ShowEndpoint(const Call& call) {
  const std::vector<EndpointStatus> all = call.sources.broker.Status();
  const EndpointStatus *live = nullptr, *orphan = nullptr;
  std::vector<std::string_view> names;
  for (const EndpointStatus& status : all) {
    names.push_back(status.name);
    if (status.name == call.name) (status.orphaned ? orphan : live) = &status;
  }
  if (live != nullptr) return Json(EndpointJson(*live, orphan));
  if (orphan != nullptr) return Json(EndpointJson(*orphan, nullptr));
  return Problem(404, "no endpoint " + config::Quoted(call.name) + config::DidYouMean(call.name, names));
}

// The member of the body, if there is a body. kInvalid: it is something else.
Result<std::string> ReadReason(const AdminRequest& request) {
  if (request.body.empty()) return std::string();
  const auto json = nlohmann::json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  const bool fits = json.is_object() && (json.empty() || (json.size() == 1 && json.contains("reason")));
  if (!fits) return Error(Errc::kInvalid, R"(the body is no object such as {"reason": "why"})");
  if (json.empty()) return std::string();
  const auto* reason = json.at("reason").get_ptr<const std::string*>();
  if (reason == nullptr) return Error(Errc::kInvalid, "reason is no text");
  if (reason->size() > kLongestReason) return Error(Errc::kInvalid, "reason is longer than 1000 bytes");
  return *reason;
}

// A reload may have taken it away since: then it is done all the same.
AdminAnswer ShowChanged(const Call& call) {
  AdminAnswer shown = ShowEndpoint(call);
  return shown.problem.empty() ? shown : Done();
}

AdminAnswer PauseEndpoint(const Call& call) {
  const Result<std::string> reason = ReadReason(call.request);
  if (!reason) return Problem(reason.error());
  const auto paused = call.sources.broker.Pause(call.name, *reason, call.request.by);
  return paused ? ShowChanged(call) : Problem(paused.error());
}

AdminAnswer ResumeEndpoint(const Call& call) {
  const auto resumed = call.sources.broker.Resume(call.name, call.request.by);
  return resumed ? ShowChanged(call) : Problem(resumed.error());
}

AdminAnswer DropOrphan(const Call& call) {
  const auto dropped = call.sources.broker.Drop(call.name, call.request.by);
  if (!dropped) return Problem(dropped.error());
  return Json("{\"dropped\":" + std::to_string(*dropped) + "}\n");
}

AdminAnswer ShowDocument(const Call&) { return Json(std::string(AdminDocument())); }

using Serve = AdminAnswer (*)(const Call&);
struct Line {
  AdminRoute route;
  Serve serve;
};
constexpr std::array kLines{
    Line{{"GET", "/api/v1/endpoints", "listEndpoints", {}}, ListEndpoints},
    Line{{"GET", "/api/v1/endpoints/{name}", "showEndpoint", {}}, ShowEndpoint},
    Line{{"POST", "/api/v1/endpoints/{name}/pause", "pauseEndpoint", {}, true}, PauseEndpoint},
    Line{{"POST", "/api/v1/endpoints/{name}/resume", "resumeEndpoint", {}}, ResumeEndpoint},
    Line{{"DELETE", "/api/v1/orphans/{name}", "dropOrphan", {}}, DropOrphan},
    Line{{"GET", "/api/v1/dead-letters", "listDeadLetters", kDeadKeys}, ListDeadLetters},
    Line{{"GET", "/api/v1/dead-letters/{id}", "showDeadLetter", {}}, ShowDeadLetter},
    Line{{"DELETE", "/api/v1/dead-letters/{id}", "dropDeadLetter", {}}, DropDeadLetter},
    Line{{"POST", "/api/v1/dead-letters/drop", "dropDeadLetters", {}, true}, DropDeadLetters},
    Line{{"POST", "/api/v1/dead-letters/retry", "retryDeadLetters", {}, true}, RetryDeadLetters},
    Line{{"GET", "/api/v1/attempts", "listAttempts", kAttemptKeys}, ListAttempts},
    Line{{"GET", "/api/v1/events", "listEvents", kEventKeys}, ListEvents},
    Line{{"GET", "/api/v1/events/{id}", "showEvent", {}}, ShowEvent},
    Line{{"GET", "/api/v1/openapi.json", "showDocument", {}}, ShowDocument},
};

// Whether a path is of this shape; the segment that stands in for a word in braces.
bool Matches(std::string_view shape, std::string_view path, std::string& word) {
  while (!shape.empty() && !path.empty()) {
    const std::string_view want = shape.substr(1, shape.find('/', 1) - 1), have = path.substr(1, path.find('/', 1) - 1);
    if (shape.front() != '/' || path.front() != '/') return false;
    if (want.starts_with('{')) {
      word = http::PercentDecode(have);
      if (word.empty()) return false;
    } else if (want != have) {
      return false;
    }
    shape.remove_prefix(want.size() + 1);
    path.remove_prefix(have.size() + 1);
  }
  return shape.empty() && path.empty();
}

// A key that the route does not take, or takes once; empty: there is none.
std::string UnknownKey(const AdminRoute& route, std::string_view query) {
  std::vector<std::string> seen;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    std::string key = http::PercentDecode(pair.substr(0, pair.find('=')));
    const bool twice = std::ranges::find(seen, key) != seen.end();
    if (twice || std::ranges::find(route.query, key) == route.query.end()) return config::Quoted(key);
    seen.push_back(std::move(key));
  }
  return {};
}

AdminAnswer ServeLine(const Line& line, const Call& call) {
  const AdminRoute& route = line.route;
  if (const std::string key = UnknownKey(route, call.query); !key.empty()) {
    return Problem(
        400, "the query has " + key + ", which " + std::string(route.operation) + " does not take, or takes once");
  }
  const AdminRequest& request = call.request;
  if (!request.body.empty() && !route.takes_body) {
    return Problem(400, std::string(route.operation) + " takes no body");
  }
  const std::string_view type = request.content_type;
  if (!request.body.empty() && !type.empty() && runtime::Trim(type.substr(0, type.find(';'))) != kJson) {
    return Problem(415, "the body is no application/json");
  }
  return line.serve(call);
}

}  // namespace

std::vector<AdminRoute> AdminRoutes() {
  std::vector<AdminRoute> routes;
  routes.reserve(kLines.size());
  for (const Line& line : kLines) routes.push_back(line.route);
  return routes;
}

AdminAnswer Refusal(const Error& why) { return Problem(why); }

AdminAnswer AnswerTo(const AdminSources& sources, const AdminRequest& request) {
  const std::string_view target = request.target;
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  Call call{sources, request, {}, mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1)};
  std::vector<std::string_view> allowed;
  for (const Line& line : kLines) {
    if (!Matches(line.route.path, path, call.name)) continue;
    const std::string_view method = line.route.method;
    if (request.method == method || (request.method == "HEAD" && method == "GET")) return ServeLine(line, call);
    allowed.push_back(method);
    if (method == "GET") allowed.push_back("HEAD");
  }
  if (allowed.empty()) return Problem(404, "nothing is at this path; /api/v1/openapi.json says what there is");
  AdminAnswer answer = Problem(405, "this path takes " + runtime::Joined(allowed));
  answer.allow = runtime::Joined(allowed);
  return answer;
}

}  // namespace portcall::app
