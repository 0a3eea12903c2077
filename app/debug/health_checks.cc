#include "app/debug/health_checks.h"

#include <charconv>
#include <system_error>

#include "runtime/http/client.h"

namespace portcall::app {

using config::HealthCheck;

// One check and how often it failed in a row. It lives on the loop.
class HealthChecks::Check {
 public:
  Check(const HealthCheckDeps& deps, http::Resolver& resolver, HealthCheck check)
      : deps_(deps), resolver_(resolver), check_(std::move(check)) {}

  std::chrono::milliseconds interval() const { return check_.interval; }
  std::string name() const {
    return check_.kind == HealthCheck::Kind::kStorage ? "storagedriver_filesystem" : check_.target;
  }

  // What is asked now ends, and nothing is reported any more.
  void Stop() {
    stopped_ = true;
    if (client_ != nullptr) client_->Abort();
  }

  Task<> Run() {
    if (stopped_) co_return;
    const Result<void> result = co_await Probe();
    if (stopped_) co_return;
    if (result) {
      if (failures_ >= check_.threshold) deps_.log.Info("health check passes again", {{"check", name()}});
      failures_ = 0;
      deps_.health.Pass(name());
      co_return;
    }
    if (++failures_ == check_.threshold) {
      deps_.log.Error("health check fails", {{"check", name()}, {"error", result.error().detail}});
    }
    if (failures_ >= check_.threshold) deps_.health.Fail(name(), result.error().detail);
  }

 private:
  Task<Result<void>> Probe() {
    switch (check_.kind) {
      case HealthCheck::Kind::kStorage:
        co_return co_await runtime::RunOn(deps_.pool, [this] { return Storage(); });
      case HealthCheck::Kind::kFile:
        co_return co_await runtime::RunOn(deps_.pool, [this] { return File(); });
      case HealthCheck::Kind::kHttp:
        co_return co_await Http();
      case HealthCheck::Kind::kTcp:
        co_return co_await Tcp();
    }
    co_return Error(Errc::kInternal, "no such kind of check");
  }

  Result<void> Storage() const {
    std::error_code ec;
    if (std::filesystem::is_directory(deps_.root, ec)) return {};
    return Error(Errc::kUnavailable, deps_.root.string() + ": " + (ec ? ec.message() : "not a folder"));
  }

  // A file that is there takes the registry out of rotation.
  Result<void> File() const {
    std::error_code ec;
    if (!std::filesystem::exists(check_.target, ec)) return {};
    return Error(Errc::kUnavailable, "file exists");
  }

  Task<Result<void>> Http() {
    const Result<http::Url> url = http::ParseUrl(check_.target);
    if (!url) co_return Error(url.error());
    http::ClientOptions options;
    options.url = *url;
    if (url->tls()) {
      auto tls = http::MakeClientTls({});
      if (!tls) co_return Error(tls.error());
      options.tls = std::move(*tls);
    }
    // GET, where Distribution sends HEAD: our client would wait for the body whose length HEAD's answer announces.
    std::string head = "GET " + url->target + " HTTP/1.1\r\nHost: " + url->host_header() + "\r\nConnection: close\r\n";
    for (const auto& [field, value] : check_.headers) head.append(field).append(": ").append(value).append("\r\n");
    http::Client client(deps_.loop.executor(), resolver_, std::move(options));
    client_ = &client;
    const Result<http::Incoming> answer = co_await client.Send({head, {}, true}, check_.timeout);
    client_ = nullptr;
    client.Close();
    if (!answer) co_return Error(answer.error());
    if (answer->status == check_.status) co_return Result<void>();
    co_return Error(Errc::kUnavailable, "unexpected status: " + std::to_string(answer->status));
  }

  Task<Result<void>> Tcp() {
    const auto colon = check_.target.rfind(':');
    std::uint16_t port = 0;
    if (colon != std::string::npos) {
      std::from_chars(check_.target.data() + colon + 1, check_.target.data() + check_.target.size(), port);
    }
    std::string host = check_.target.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    http::ClientOptions options;
    options.url.host = std::move(host);
    options.url.port = port;
    http::Client client(deps_.loop.executor(), resolver_, std::move(options));
    client_ = &client;
    Result<void> connected = co_await client.Connect(check_.timeout);
    client_ = nullptr;
    co_return connected;
  }

  const HealthCheckDeps& deps_;
  http::Resolver& resolver_;
  const HealthCheck check_;
  int failures_ = 0;
  http::Client* client_ = nullptr;  // while it asks
  bool stopped_ = false;
};

HealthChecks::HealthChecks(HealthCheckDeps deps, const std::vector<HealthCheck>& checks)
    : deps_(std::move(deps)), resolver_(deps_.pool), periodic_(deps_.loop) {
  for (const HealthCheck& check : checks) {
    checks_.push_back(std::make_unique<Check>(deps_, resolver_, check));
    Check* made = checks_.back().get();
    periodic_.Every(std::chrono::milliseconds(0), made->interval(), [made] { return made->Run(); });
  }
}

HealthChecks::~HealthChecks() {
  asio::post(deps_.loop.executor(), [this] {
    for (const auto& check : checks_) check->Stop();
  });
  periodic_.Stop();
  // What this set reported must not outlive it.
  for (const auto& check : checks_) deps_.health.Pass(check->name());
}

}  // namespace portcall::app
