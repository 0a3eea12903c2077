// What the App says of itself at its start, and what it does beside serving.
#include <algorithm>
#include <random>

#include "app/server/app.h"
#include "app/server/purge_log.h"
#include "runtime/time.h"
#include "runtime/version.h"

namespace portcall::app {

using runtime::GoDuration;
using runtime::kVersion;

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

Task<> App::PurgeUploads() {
  log_.Info("PurgeUploads starting");
  const auto purged = co_await registry_->PurgeUploads(periodic_.stopping());
  if (purged) {
    log_.Info(Told(*purged, periodic_.stopping().stop_requested()));
  } else {
    log_.Error("upload purge failed", {{"error", purged.error().detail}});
  }
}

}  // namespace portcall::app
