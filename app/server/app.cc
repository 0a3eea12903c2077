#include "app/server/app.h"

#include <unistd.h>

#include <algorithm>
#include <any>
#include <random>
#include <thread>

#include "app/exit_code.h"
#include "app/server/access_log.h"
#include "app/server/options.h"
#include "app/server/purge_log.h"
#include "app/server/request_log.h"
#include "config/load.h"
#include "config/restart_keys.h"
#include "runtime/bytes.h"
#include "runtime/left_until.h"
#include "runtime/text.h"
#include "runtime/time.h"
#include "runtime/version.h"
#include "store/blobs/fs/filesystem.h"
#include "store/catalog.h"
#include "store/event_log.h"

namespace portcall::app {
namespace {

using runtime::GoDuration;
using runtime::Joined;
using runtime::kVersion;
using runtime::LeftUntil;

// What files of certificates may take; a reload, which may read them too, is over within five seconds.
constexpr std::chrono::milliseconds kCertificatePatience(500);
// What a stop waits for what still hangs, after the broker has waited for its sinks.
constexpr std::chrono::milliseconds kLeastForLanes(500), kMostForLanes(5'000);

unsigned Cores() { return std::max(1u, std::thread::hardware_concurrency()); }

// Where the file has no http.secret, uploads that cross a restart must be begun again.
config::ConfigPtr WithSecret(const config::ConfigPtr& loaded, const std::string& secret) {
  if (!loaded->http.secret.empty()) return loaded;
  auto completed = std::make_shared<config::Config>(*loaded);
  completed->http.secret = secret;
  return completed;
}

Result<http::TlsContext> TlsOf(const config::TlsConfig& tls) {
  if (!tls.enabled()) return http::TlsContext();
  return http::MakeServerTls({tls.certificate, tls.key, tls.minimum, tls.cipher_suites, tls.client_cas});
}

}  // namespace

App::App(config::ConfigPtr loaded, std::vector<std::string> command_line, runtime::Log& log)
    : log_(log),
      command_line_(std::move(command_line)),
      instance_(runtime::UuidV4()),
      loaded_(std::move(loaded)),
      config_(WithSecret(loaded_, runtime::UuidV4() + runtime::UuidV4())),
      access_log_on_(loaded_->log.access_log),
      memory_(MemoryFor(*loaded_)),
      http_metrics_(metrics_),
      process_metrics_(metrics_),
      door_log_(log, metrics_, runtime::SystemClock()),
      loops_(Cores(), Cores()),
      certificates_(loops_.lanes(), metrics_, log_),
      health_([this](bool healthy) { registry_->SetUnhealthy(!healthy); }),
      periodic_(loops_.server(0)) {}

Result<std::unique_ptr<App>> App::Start(config::ConfigPtr loaded, std::vector<std::string> command_line,
                                        runtime::Log& log) {
  std::unique_ptr<App> app(new App(std::move(loaded), std::move(command_line), log));
  for (auto step : {&App::OpenData, &App::Listen, &App::ListenDebug, &App::StartWings}) {
    if (auto done = (app.get()->*step)(); !done) return Error(done.error());
  }
  app->StartHousekeeping();
  app->server_->Open();
  if (app->debug_server_) app->debug_server_->Open();
  app->certificates_.Show(config::CertificateEnds(*app->config()), /*said=*/true);
  app->ready_ = true;
  app->Announce();
  return app;
}

App::~App() { Close(std::chrono::steady_clock::now()); }

Result<void> App::OpenData() {
  const config::ConfigPtr current = config();
  const config::StorageConfig& storage = current->storage;
  store::StoreOptions options;
  options.database = DatabaseOf(storage);
  options.reserve_bytes = storage.reserve_bytes;
  options.readers = runtime::Loops::kQueries;
  options.on_fatal = [&log = log_](const std::string& why) {
    // Ends at once, without an orderly shutdown: nothing written from here on could be trusted.
    log.Write(runtime::Level::kFatal, "the database can no longer be trusted: " + why);
    _exit(1);
  };
  auto store = store::Store::Open(std::move(options), loops_.queries());
  if (!store) return Error(store.error());
  store_ = std::move(*store);

  const ProcessStats process = ReadProcessStats();  // with the database open
  descriptors_ = PlanDescriptors(process.max_fds, process.open_fds, AttemptsAtOnce(*current));
  auto blobs = store::OpenFilesystem(storage.root_directory, {loops_.files(), loops_.hashing()}, store_->digest_locks(),
                                     {storage.reserve_bytes, descriptors_.open_uploads});
  if (!blobs) return Error(blobs.error());
  blobs_ = std::move(*blobs);

  auto empty = store_->ReadNow([](store::Snapshot& s) -> Result<bool> { return store::CatalogIsEmpty(s); });
  if (!empty) return Error(empty.error());
  const store::TreeSurvey survey = *empty ? store::SurveyTree(storage.root_directory) : store::TreeSurvey();
  if (survey.has_repositories) {
    return Error(Errc::kInvalid, storage.root_directory +
                                     ": repositories of another registry lie beside an empty catalog; "
                                     "run `portcall import` first");
  }
  if (survey.has_content) {
    log_.Error("the catalog is empty, but " + survey.content.string() +
               " holds content: if a database was lost, stop and restore it from a backup; else each blob is taken "
               "up when its digest is pushed");
  }
  return {};
}

Result<void> App::StartWings() {
  const config::ConfigPtr current = config();
  broker::BrokerDeps wants{*store_, loops_.broker(), loops_.lanes(), log_, metrics_, runtime::SystemClock()};
  wants.connections = descriptors_.attempts;
  auto broker = broker::Broker::Start(std::move(wants), current);
  if (!broker && broker.error().code == Errc::kTimeout) {
    log_.Write(runtime::Level::kFatal, broker.error().detail);  // an orderly end would wait for that disk, too
    _exit(kFailed);
  }
  if (!broker) return Error(broker.error());
  broker_ = std::move(*broker);
  registry::RegistryDeps deps{*store_,
                              *blobs_,
                              loops_.hashing(),
                              log_,
                              metrics_,
                              runtime::SystemClock(),
                              SourceAddress(current->http.addr),
                              instance_,
                              [this] { return broker_->LogIsFull(); },
                              &memory_};
  registry_ = std::make_unique<registry::Registry>(std::move(deps), current);
  return {};
}

Result<void> App::ListenDebug() {
  const config::ConfigPtr current = config();
  const config::DebugConfig& debug = current->http.debug;
  if (debug.addr.empty()) return {};
  DebugSources sources{health_,
                       metrics_,
                       loops_.pages(),
                       [this] { return broker_->Status(); },
                       [this] { return config(); },
                       [this] { RefreshMetrics(); },
                       [this] { return ready_.load(); },
                       command_line_,
                       [this] { return certificates_.expired(); },
                       [this] { return store_->trouble(); }};
  auto server = DebugServer::Listen(debug, std::move(sources), loops_.server(0));
  if (!server) return Error(Errc::kUnavailable, "http.debug.addr: " + server.error().detail);
  debug_server_ = std::move(*server);
  return {};
}

Result<void> App::Listen() {
  const config::ConfigPtr current = config();
  auto tls = TlsOf(current->http.tls);
  if (!tls) return Error(tls.error());
  http::ServerOptions options;
  options.addr = current->http.addr;
  options.tls = std::move(*tls);
  const config::HttpTimeouts& timeouts = current->http.timeouts;
  options.limits.idle_timeout = timeouts.idle;
  options.limits.body_stall = timeouts.stall;
  options.limits.head_timeout = timeouts.head;
  options.handler = [this](http::Request& request) { return Serve(request); };
  options.files.pool = &loops_.files();
  options.memory = &memory_;
  options.on_exchange = [this](const http::Exchange& exchange) { Finished(exchange); };
  options.limits.connections = descriptors_.connections;
  options.on_incident = [this](const http::Incident& incident) {
    door_log_.Tell(incident);
    if (incident.kind == http::Incident::Kind::kCertificate) {
      registry_->RefusedCertificate(incident.peer, incident.peer_ip, incident.what);
    }
  };
  options.on_bug = [this](std::string_view what) {
    log_.Error("a request ended in a bug of this program", {{"error", std::string(what)}});
  };
  std::vector<runtime::Loop*> loops;
  loops.reserve(loops_.servers());
  for (std::size_t i = 0; i < loops_.servers(); ++i) loops.push_back(&loops_.server(i));
  auto server = http::Server::Listen(std::move(options), std::move(loops));
  if (!server) return Error(Errc::kUnavailable, "http.addr: " + server.error().detail);
  server_ = std::move(*server);
  return {};
}

void App::StartHousekeeping() {
  const config::ConfigPtr current = config();
  health_checks_ = std::make_unique<HealthChecks>(
      HealthCheckDeps{health_, loops_.server(0), loops_.lanes(), log_, current->storage.root_directory},
      current->health);
  data_watch_ = std::make_unique<DataWatch>(*store_, log_, loops_.server(0));
  const config::StorageConfig& storage = current->storage;
  if (!storage.upload_purging || storage.read_only) return;
  // At a random time in the first hour, so that registries that start together do not purge together.
  std::mt19937 random(std::random_device{}());
  const config::Millis within = std::min<config::Millis>(std::chrono::hours(1), storage.upload_purge_interval);
  const config::Millis first(std::uniform_int_distribution<std::int64_t>(0, within.count())(random));
  log_.Info("Starting upload purge in " + GoDuration(std::chrono::duration_cast<std::chrono::seconds>(first)));
  periodic_.Every(first, storage.upload_purge_interval, [this] { return PurgeUploads(); });
}

void App::Announce() const {
  const config::ConfigPtr current = config();
  for (const config::Endpoint& endpoint : current->endpoints) {
    log_.Info("configuring endpoint " + endpoint.name + " (" + config::PlaceOf(endpoint) +
              "), timeout=" + GoDuration(endpoint.timeout) + (endpoint.disabled ? ", disabled" : ""));
  }
  if (debug_server_) {
    for (const std::string& address : debug_server_->addresses()) log_.Info("debug server listening " + address);
    if (current->http.debug.prometheus) {
      log_.Info("providing prometheus metrics on " + current->http.debug.prometheus_path);
    }
  }
  if (loaded_->http.secret.empty()) {
    log_.Warn(
        "http.secret is not set, a random one is used: uploads that are under way end with this process, and "
        "several instances behind one address do not understand each other. Set http.secret, or "
        "REGISTRY_HTTP_SECRET");
  }
  if (descriptors_.tight()) {
    constexpr std::uint32_t kFew = 1'000;
    log_.Write(descriptors_.connections < kFew ? runtime::Level::kWarn : runtime::Level::kInfo,
               Told(descriptors_, ReadProcessStats().max_fds));
  }
  const bool certified = !current->http.tls.client_cas.empty();
  log_.Warn(std::string("THE REGISTRY IS OPEN: no authentication is configured, so everybody who ") +
            (certified ? "has a client certificate" : "reaches it") + " may pull, push and delete");
  for (const std::string& address : server_->addresses()) {
    log_.Info("listening on " + address + (current->http.tls.enabled() ? ", tls" : ""),
              {{"instance.id", instance_}, {"version", std::string(kVersion)}});
  }
}

Task<http::Response> App::Serve(http::Request& request) {
  auto& routed = request.context.emplace<registry::RoutedRequest>(registry_->Read(request));
  const auto in_flight = http_metrics_.Enter(routed.handler());
  co_return co_await registry_->Handle(request, routed);
}

void App::Finished(const http::Exchange& exchange) {
  static const registry::RoutedRequest kUnread;  // what the server answered itself
  const auto* routed = std::any_cast<registry::RoutedRequest>(&exchange.request.context);
  if (routed == nullptr) routed = &kUnread;
  http_metrics_.Observe(exchange, routed->handler());
  if (access_log_on_.load(std::memory_order_relaxed)) access_log_.Write(CombinedLine(exchange));
  LogExchange(log_, exchange, *routed);
}

Task<> App::PurgeUploads() {
  log_.Info("PurgeUploads starting");
  const auto purged = co_await registry_->PurgeUploads(periodic_.stopping());
  if (purged) {
    log_.Info(Told(*purged, periodic_.stopping().stop_requested()));
  } else {
    log_.Error("upload purge failed", {{"error", purged.error().detail}});
  }
}

void App::RefreshMetrics() {
  broker_->Show();
  process_metrics_.Refresh(store_->stats(), server_->connections(), memory_, ReadProcessStats());
}

config::ConfigPtr App::config() const {
  const runtime::MutexLock lock(config_mutex_);
  return config_;
}

Result<void> App::Apply(config::ConfigPtr loaded) {
  if (const auto keys = config::NeedsRestart(*loaded_, *loaded); !keys.empty()) {
    return Error(Errc::kConflict, "needs a restart: " + Joined(keys));
  }
  const config::ConfigPtr next = WithSecret(loaded, config()->http.secret);
  auto tls = TlsOf(next->http.tls);
  if (!tls) return Error(tls.error());
  // The last step that can fail; it changes nothing when it does.
  if (auto applied = broker_->Apply(next); !applied) return applied;
  registry_->Apply(next);
  if (next->http.tls.enabled()) server_->SetTls(std::move(*tls));
  log_.Apply(LogOptionsOf(next->log));
  access_log_on_ = next->log.access_log;
  loaded_ = std::move(loaded);
  SetConfig(next);
  return {};
}

void App::SetConfig(config::ConfigPtr config) {
  const runtime::MutexLock lock(config_mutex_);
  config_ = std::move(config);
}

void App::RenewCertificates(bool at_once) {
  auto changes = certificates_.Look(config(), at_once, kCertificatePatience);
  if (!changes) {
    if (at_once) log_.Error("certificates are not read again: " + changes.error().detail);
    return;
  }
  if (!changes->any()) return;
  const auto next = std::make_shared<config::Config>(*config());
  std::vector<std::string> renewed;
  for (config::Endpoint& endpoint : next->endpoints) {
    const auto change = changes->endpoints.find(endpoint.name);
    if (change == changes->endpoints.end()) continue;
    endpoint.tls_content = change->second;
    renewed.push_back("endpoint " + endpoint.name);
  }
  if (const auto applied = renewed.empty() ? Result<void>() : broker_->Apply(next); !applied) {
    log_.Error("changed certificates of endpoints are not used yet", {{"error", applied.error().detail}});
    next->endpoints = config()->endpoints;
    renewed.clear();
  }
  if (changes->server) {
    server_->SetTls(*std::move(changes->server));
    next->http.tls.content = changes->server_content;
    renewed.insert(renewed.begin(), "http.tls");
  }
  if (!renewed.empty()) log_.Info("certificates renewed", {{"of", Joined(renewed)}});
  SetConfig(next);
}

void App::RecordReload(const std::string& what) {
  if (!config()->audits()) return;
  const store::Event event = store::SystemEvent(store::Action::kReload, what);
  auto job = [&event](store::Tx& tx) -> Result<store::Seq> { return store::Append(tx, event); };
  const auto recorded = store_->WriteNow(job, store::Priority::kSettlement);
  if (!recorded) log_.Error("the reload could not be recorded", {{"error", recorded.error().detail}});
}

void App::Drain(runtime::SteadyTime asked) {
  log_.Info("stopping, draining connections for at most " + GoDuration(drain_timeout()));
  ready_ = false;
  blobs_->Stop(asked + drain_timeout());  // first: connections wait for digests
  server_->Drain(LeftUntil(asked + drain_timeout()));
}

std::vector<std::string> App::Stop(runtime::SteadyTime asked) {
  Close(asked + drain_timeout());
  const auto now = std::chrono::steady_clock::now();
  auto hung = loops_.lanes().Await(std::clamp(asked + drain_timeout(), now + kLeastForLanes, now + kMostForLanes));
  if (!hung.empty()) access_log_.Flush();
  return hung;
}

void App::Close(std::chrono::steady_clock::time_point until) {
  if (std::exchange(closed_, true)) return;
  if (blobs_) blobs_->Stop(until);
  debug_server_.reset();  // first, since it shows everything destroyed below
  if (data_watch_) data_watch_->RequestStop();
  server_.reset();
  periodic_.Stop();
  health_checks_.reset();
  registry_.reset();  // writes the pulls and uploads that it still holds
  if (broker_) {
    std::chrono::milliseconds longest(0);
    const config::ConfigPtr current = config();
    for (const config::Endpoint& endpoint : current->endpoints) longest = std::max(longest, endpoint.timeout);
    broker_->Stop(std::min(longest, LeftUntil(until)));
  }
  data_watch_.reset();  // only now: the disk may keep its check
  if (store_) store_->Close();
}

}  // namespace portcall::app
