#include "registry/registry.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include "registry/catalog/catalog.h"
#include "registry/http/call.h"
#include "registry/http/handlers.h"
#include "registry/http/refused.h"
#include "registry/http/replies.h"
#include "registry/model/reference.h"
#include "registry/recording/recorder.h"
#include "runtime/bytes.h"
#include "runtime/mutex.h"

namespace portcall::registry {
namespace {

Reply NotFound() {
  Reply response = PlainText(404, "404 page not found\n");
  response.fields.Add("X-Content-Type-Options", "nosniff");
  return response;
}

Reply Alive() {
  Reply response = Empty(200);
  response.fields.Add("Cache-Control", "no-cache");
  return response;
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<' || c == '>' || c == '"' || c == '\'') {
      escaped.append("&#").append(std::to_string(static_cast<int>(c))).append(";");
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// The path has no host: it cannot lead anywhere else. Clients would follow with a GET, so only who reads is sent on.
Reply Redirect(const Call& call) {
  if (call.request.method != "GET" && !call.head()) return NotFound();
  std::string place = PathAtClient(call.config().http, call.route.reference);
  if (const std::string_view query = call.request.query(); !query.empty()) place.append("?").append(query);
  Reply response = Empty(301);
  response.fields.Add("Content-Type", "text/html; charset=utf-8");
  response.body = "<a href=\"" + Escaped(place) + "\">Moved Permanently</a>.\n\n";
  response.fields.Add("Location", std::move(place));
  return response;
}

Reply WrongMethod(std::string_view method, std::string_view allowed) {
  Reply response = method == "OPTIONS" ? Empty(200) : PlainText(405, "Method not allowed\n");
  response.fields.Add("Allow", std::string(allowed));
  return response;
}

bool Allows(std::string_view allowed, std::string_view method) {
  while (!allowed.empty()) {
    const std::size_t comma = allowed.find(", ");
    if (allowed.substr(0, comma) == method) return true;
    allowed = comma == std::string_view::npos ? std::string_view() : allowed.substr(comma + 2);
  }
  return false;
}

// A HEAD's answer has the length of its body, and no body. A 304's length would be that of the 200 it stands for.
void EndHead(Reply& response) {
  if (!response.head_length && response.status != 304) response.head_length = response.body_size();
  response.body = std::string();
}

// What the file puts on every answer. As with Distribution, a field that the handler has set is the handler's.
void AddConfigured(const config::HeaderList& headers, Reply& reply) {
  const std::size_t of_handler = reply.fields.all().size();
  for (const auto& [name, value] : headers) {
    const std::span own(reply.fields.all().data(), of_handler);
    const auto same = [&name](const http::Fields::Field& field) { return http::EqualsIgnoreCase(field.name, name); };
    if (std::ranges::none_of(own, same)) reply.fields.Add(name, value);
  }
}

Reply LogIsFull() {
  Reply response = Fail(Code::kUnavailable, Quote("the event log is full: what changes the registry, or must be "
                                                  "recorded, is refused until receivers have caught up "
                                                  "(events.onfull: refuse)"));
  response.fields.Add("Retry-After", "60");
  return response;
}

// An answer that was made in memory counts while it is sent.
void CountAnswer(runtime::MemoryShare* memory, Reply& reply) {
  const auto* made = std::get_if<std::string>(&reply.body);
  if (memory == nullptr || made == nullptr || memory->Grow(made->size())) return;
  memory->budget()->CountRefusal();
  reply = FailWith(runtime::MemoryBudget::Refusal());
}

// Whether the answer stands for an event that must be in the log.
bool NeedsLog(const Call& call) {
  const std::string& method = call.request.method;
  if (method == "OPTIONS") return false;
  if (method != "GET" && method != "HEAD") return true;
  const bool pulls = call.route.place == Place::kManifest || call.route.place == Place::kBlob;
  return pulls && call.settings.events.pulls == config::PullEvents::kDurable;
}

// No coroutine itself: it passes the handler's task on, which saves a frame.
Task<Reply> Dispatch(Call& call) {
  switch (call.route.place) {
    case Place::kCatalog:
      return HandleCatalog(call);
    case Place::kTags:
      return HandleTags(call);
    case Place::kTagReference:
      return HandleTagReference(call);
    case Place::kBlob:
      return HandleBlob(call);
    case Place::kUploads:
      return HandleUploads(call);
    case Place::kUpload:
      return HandleUpload(call);
    case Place::kReferrers:
      return HandleReferrers(call);
    case Place::kManifest:
      return HandleManifest(call);
    case Place::kNone:
    case Place::kAlive:
    case Place::kRedirect:
    case Place::kBase:
      break;
  }
  throw std::logic_error("a place without content was dispatched");
}

}  // namespace

class Registry::Impl {
 public:
  Impl(RegistryDeps deps, config::ConfigPtr config)
      : deps_(std::move(deps)), recorder_(deps_.store, deps_.log, deps_.metrics, deps_.clock, {}, deps_.log_is_full) {
    Apply(std::move(config));
  }

  void Apply(config::ConfigPtr config) {
    auto settings = std::make_shared<Settings>();
    settings->proxies = TrustedProxies(config->http.trusted_proxies);
    settings->secret = config->http.secret;
    settings->events = EventRulesOf(*config);
    settings->config = std::move(config);
    const runtime::MutexLock lock(mutex_);
    settings_ = std::move(settings);
  }

  void SetUnhealthy(bool unhealthy) { unhealthy_.store(unhealthy, std::memory_order_relaxed); }

  RoutedRequest Read(const http::Request& request) {
    SettingsPtr settings = CurrentSettings();
    Route route = MatchRoute(request.path(), settings->config->http.prefix);
    return {std::move(settings), std::move(route), {}};
  }

  Task<http::Response> Handle(http::Request& request, RoutedRequest& routed) {
    const Settings& settings = *routed.settings;
    const Route& route = routed.route;
    if (SpeaksForOthers(request) && !settings.proxies.Contains(request.peer_ip)) HintAtProxy(request.peer_ip);
    Call call(request, settings, route, catalog_, source_);
    Reply reply = co_await Answer(call);
    CountAnswer(request.memory, reply);
    if (request.method == "HEAD") EndHead(reply);
    reply.fields.Add("Docker-Distribution-Api-Version", "registry/2.0");
    if (route.place != Place::kNone && route.place != Place::kAlive) {
      AddConfigured(settings.config->http.headers, reply);
      if (settings.config->audit.refused && IsRefusal(request, reply.status)) {
        co_await recorder_.RecordRefusal(RefusedEvent(call.origin(), TargetOf(route), reply.status));
      }
    }
    routed.notes = std::move(reply.notes);
    if (auto client = ClientBehindProxy(request, settings.proxies)) {
      routed.notes.push_back({"http.request.remoteaddr", std::move(*client)});
    }
    co_return std::move(reply);
  }

  void RefusedCertificate(std::string_view peer, std::string_view peer_ip, std::string_view why) {
    if (!CurrentSettings()->config->audit.refused) return;
    const auto origin = std::make_shared<Origin>();
    origin->request_id = runtime::UuidV4();
    origin->client = peer;
    origin->client_ip = peer_ip;
    origin->received = deps_.clock.Now();
    origin->source_addr = source_.addr;
    origin->source_instance = source_.instance;
    recorder_.RecordRefusalIfRoom(RefusedPeerEvent(origin, why));
  }

  Task<Result<Purged>> PurgeUploads(std::stop_token stopping) {
    const SettingsPtr settings = CurrentSettings();
    const config::StorageConfig& storage = settings->config->storage;
    co_return co_await catalog_.uploads().Purge(storage.upload_age, storage.upload_purging_dry_run,
                                                std::move(stopping));
  }

 private:
  // Once for each peer. Anybody can send these fields, so that the number of lines has an end.
  void HintAtProxy(const std::string& peer) {
    {
      const runtime::MutexLock lock(mutex_);
      if (hinted_at_.size() >= kMostHints || !hinted_at_.insert(peer).second) return;
    }
    deps_.log.Warn(
        "a peer that is none of http.trustedproxies says whom it speaks for (X-Forwarded-*, Forwarded), and "
        "is not believed: if it is your proxy, name its network there, or addresses in answers and "
        "clients in events are wrong",
        {{"http.request.remoteaddr", peer}});
  }

  SettingsPtr CurrentSettings() {
    const runtime::MutexLock lock(mutex_);
    return settings_;
  }

  // No coroutine itself.
  Task<Reply> Answer(Call& call) {
    if (unhealthy_.load(std::memory_order_relaxed)) return AnswerUnhealthy();
    return call.route.name.empty() ? AnswerPlain(call) : AnswerRouted(call);
  }

  static Task<Reply> AnswerUnhealthy() {
    co_return Fail(Code::kUnavailable, Quote("health check failed: please see /debug/health"));
  }

  // Places that belong to no repository.
  Task<Reply> AnswerPlain(Call& call) {
    switch (call.route.place) {
      case Place::kAlive:
        co_return Alive();
      case Place::kBase:
        co_return Json(200, "{}");
      case Place::kRedirect:
        co_return Redirect(call);
      case Place::kCatalog:
        co_return co_await AnswerRouted(call);
      default:
        co_return NotFound();
    }
  }

  Task<Reply> AnswerRouted(Call& call) {
    const Route& route = call.route;
    const std::string& method = call.request.method;
    const std::string_view allowed = AllowedMethods(route.place, call.config().storage.read_only);
    if (!Allows(allowed, method)) co_return WrongMethod(method, allowed);
    if (route.name.size() > kMaxNameLength) {
      co_return Fail(Code::kNameInvalid, Quote("the name is longer than 255 characters"));
    }
    // In read-only mode, AllowedMethods lists methods here that only single uploads have.
    if (route.place == Place::kUploads && method != "POST") co_return NotFound();
    if (deps_.log_is_full && NeedsLog(call) && deps_.log_is_full()) co_return LogIsFull();
    co_return co_await Dispatch(call);
  }

  const RegistryDeps deps_;
  const Source source_{deps_.source_addr, deps_.source_instance};
  Recorder recorder_;
  Catalog catalog_{deps_, recorder_};
  std::atomic<bool> unhealthy_ = false;
  runtime::Mutex mutex_;
  SettingsPtr settings_ GUARDED_BY(mutex_);
  static constexpr std::size_t kMostHints = 16;
  std::unordered_set<std::string> hinted_at_ GUARDED_BY(mutex_);
};

Registry::Registry(RegistryDeps deps, config::ConfigPtr config)
    : impl_(std::make_unique<Impl>(std::move(deps), std::move(config))) {}

Registry::~Registry() = default;

RoutedRequest Registry::Read(const http::Request& request) { return impl_->Read(request); }

Task<http::Response> Registry::Handle(http::Request& request, RoutedRequest& routed) {
  return impl_->Handle(request, routed);
}

void Registry::Apply(config::ConfigPtr config) { impl_->Apply(std::move(config)); }

void Registry::RefusedCertificate(std::string_view peer, std::string_view peer_ip, std::string_view why) {
  impl_->RefusedCertificate(peer, peer_ip, why);
}
void Registry::SetUnhealthy(bool unhealthy) { impl_->SetUnhealthy(unhealthy); }

Task<Result<Purged>> Registry::PurgeUploads(std::stop_token stopping) {
  return impl_->PurgeUploads(std::move(stopping));
}

}  // namespace portcall::registry
