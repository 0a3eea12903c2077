#include "app/debug/health_checks.h"

#include <charconv>
#include <system_error>

#include "config/hidden.h"
#include "runtime/http/client.h"
#include "runtime/timer.h"

namespace portcall::app {

using config::HealthCheck;

// One check and how often it failed in a row. It lives on the loop.
class HealthChecks::Check {
 public:
  Check(const HealthCheckDeps& deps, http::Resolver& resolver, HealthCheck check)
      : deps_(deps), resolver_(resolver), check_(std::move(check)) {}

  std::chrono::milliseconds interval() const { return check_.interval; }
  std::string name() const {
    return check_.kind == HealthCheck::Kind::kStorage ? "storagedriver_filesystem"
                                                      : config::Hidden(check_.target, check_.hidden);
  }

  // What is asked now ends, and nothing is reported any more.
  void Stop() {
    stopped_ = true;
    if (client_ != nullptr) client_->Abort();
    if (looking_) looking_->Answer(Error(Errc::kUnavailable, "stopping"));
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
    const std::string why = config::Hidden(result.error().detail, check_.hidden);
    if (++failures_ == check_.threshold) {
      deps_.log.Error("health check fails", {{"check", name()}, {"error", why}});
    }
    if (failures_ >= check_.threshold) deps_.health.Fail(name(), why);
  }

 private:
  Task<Result<void>> Probe() {
    switch (check_.kind) {
      case HealthCheck::Kind::kStorage:
        co_return co_await Look([root = deps_.root] { return Storage(root); });
      case HealthCheck::Kind::kFile:
        co_return co_await Look([file = check_.target] { return File(file); });
      case HealthCheck::Kind::kHttp:
        co_return co_await Http();
      case HealthCheck::Kind::kTcp:
        co_return co_await Tcp();
    }
    co_return Error(Errc::kInternal, "no such kind of check");
  }

  // Asks a file system, on a lane of this check's own, and gives up where it does not answer in time. At most one job
  // waits for it.
  template <class F>
  Task<Result<void>> Look(F look) {
    const Error late(Errc::kTimeout, "the file system does not answer");
    if (looking_ && !looking_->over) co_return late;
    const auto lane = deps_.lanes.Of("health check " + name());
    if (!lane) co_return lane.error();
    looking_ = std::make_shared<Looking>(deps_.loop.executor());
    looking_->patience.expires_after(check_.timeout);
    looking_->patience.async_wait([looking = looking_, late](error_code ec) {
      if (!ec) looking->Answer(late);
    });
    co_return co_await Suspend<Result<void>>([&](Resume<Result<void>> resume) {
      looking_->resume = std::move(resume);
      (*lane)->Post([looking = looking_, look = std::move(look), executor = deps_.loop.executor()]() mutable {
        Result<void> found = look();
        asio::post(executor, [looking = std::move(looking), found = std::move(found)]() mutable {
          looking->over = true;
          looking->Answer(std::move(found));
        });
      });
    });
  }

  static Result<void> Storage(const std::filesystem::path& root) {
    std::error_code ec;
    if (std::filesystem::is_directory(root, ec)) return {};
    return Error(Errc::kUnavailable, root.string() + ": " + (ec ? ec.message() : "not a folder"));
  }

  // A file that is there takes the registry out of rotation.
  static Result<void> File(const std::filesystem::path& file) {
    std::error_code ec;
    if (!std::filesystem::exists(file, ec)) return {};
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

  // What is asked of a file system. Touched by the loop alone.
  struct Looking {
    explicit Looking(const Executor& executor) : patience(executor) {}
    void Answer(Result<void> found) {
      patience.cancel();
      if (resume) resume(std::move(found));
    }
    Timer patience;
    Resume<Result<void>> resume;
    bool over = false;  // the file system has answered
  };

  const HealthCheckDeps& deps_;
  http::Resolver& resolver_;
  const HealthCheck check_;
  std::shared_ptr<Looking> looking_;
  int failures_ = 0;
  http::Client* client_ = nullptr;  // while it asks
  bool stopped_ = false;
};

HealthChecks::HealthChecks(HealthCheckDeps deps, const std::vector<HealthCheck>& checks)
    : deps_(std::move(deps)), periodic_(deps_.loop) {
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
