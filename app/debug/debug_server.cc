#include "app/debug/debug_server.h"

#include <utility>

#include "app/debug/debug_vars.h"
#include "app/debug/process_stats.h"
#include "runtime/http/url.h"

namespace portcall::app {
namespace {

// Under this name Distribution reports that an operator has taken the registry out.
constexpr const char* kManual = "manual_http_status";

http::Response Page(int status, std::string_view type, std::string body) {
  http::Response response;
  response.status = status;
  response.fields.Set("Content-Type", std::string(type));
  response.fields.Set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

http::Response Plain(int status, std::string text) {
  return Page(status, "text/plain; charset=utf-8", std::move(text) + "\n");
}

http::Response Json(int status, std::string body) {
  return Page(status, "application/json; charset=utf-8", std::move(body));
}

bool Verbose(std::string_view query) {
  std::string value;
  if (query == "verbose") return true;
  return http::QueryValue(query, "verbose", value) && value != "0" && value != "false";
}

}  // namespace

DebugServer::DebugServer(const config::DebugConfig& config, DebugSources sources)
    : metrics_path_(config.prometheus ? config.prometheus_path : ""), sources_(std::move(sources)) {}

Result<std::unique_ptr<DebugServer>> DebugServer::Listen(const config::DebugConfig& config, DebugSources sources,
                                                         runtime::Loop& loop) {
  std::unique_ptr<DebugServer> made(new DebugServer(config, std::move(sources)));
  http::ServerOptions options;
  options.addr = config.addr;
  options.limits.body_bytes = 64 * 1024;
  options.limits.connections = 32;
  options.handler = [self = made.get()](http::Request& request) { return self->Serve(request); };
  auto server = http::Server::Listen(std::move(options), {&loop});
  if (!server) return Error(server.error());
  made->server_ = std::move(*server);
  return made;
}

Task<http::Response> DebugServer::Serve(http::Request& request) {
  const std::string path(request.path());
  if (path == "/debug/health/down") co_return Switch(request.method, true);
  if (path == "/debug/health/up") co_return Switch(request.method, false);
  if (request.method != "GET" && request.method != "HEAD") co_return Plain(404, "404 page not found");
  if (path == "/debug/health") co_return co_await ServeHealth(Verbose(request.query()));
  if (path == "/livez") co_return Plain(200, "ok");
  if (path == "/readyz") co_return Readiness();
  if (path == "/debug/vars") {
    auto make = [this] {
      return DebugVars(*sources_.config(), sources_.endpoints(), ReadProcessStats(), sources_.command_line);
    };
    co_return Json(200, co_await runtime::RunOn(sources_.pool, std::move(make)));
  }
  if (!metrics_path_.empty() && path == metrics_path_) {
    auto make = [this] {
      const runtime::MutexLock lock(one_page_);
      sources_.refresh();
      return sources_.metrics.Text();
    };
    std::string text = co_await runtime::RunOn(sources_.pool, std::move(make));
    co_return Page(200, "text/plain; version=0.0.4; charset=utf-8", std::move(text));
  }
  co_return Plain(404, "404 page not found");
}

Task<http::Response> DebugServer::ServeHealth(bool verbose) {
  const auto failing = sources_.health.failing();
  const int status = failing.empty() ? 200 : 503;
  if (!verbose) co_return Json(status, HealthBody(failing, nullptr));
  auto make = [this, &failing] {
    const auto endpoints = sources_.endpoints();
    return HealthBody(failing, &endpoints,
                      sources_.expired ? sources_.expired() : std::vector<config::CertificateEnd>());
  };
  co_return Json(status, co_await runtime::RunOn(sources_.pool, std::move(make)));
}

http::Response DebugServer::Switch(std::string_view method, bool down) {
  if (method != "POST") return Plain(404, "404 page not found");
  if (down) {
    sources_.health.Fail(kManual, "manual check");
  } else {
    sources_.health.Pass(kManual);
  }
  return Plain(200, "ok");
}

http::Response DebugServer::Readiness() const {
  if (!sources_.ready()) return Plain(503, "not ready: starting or shutting down");
  if (!sources_.health.healthy()) return Plain(503, "not ready: a health check fails");
  if (const auto trouble = sources_.trouble ? sources_.trouble() : std::nullopt) {
    return Plain(503, "not ready: " + *trouble);
  }
  return Plain(200, "ok");
}

}  // namespace portcall::app
