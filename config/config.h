#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/validation.h"

namespace portcall::config {

class Kind;

using Millis = std::chrono::milliseconds;
using HeaderList = std::vector<std::pair<std::string, std::string>>;  // repeated names for several values

// What the operator asked for: validated, immutable, with every default filled in.

struct LogConfig {
  std::string level = "info", formatter = "text";
  std::map<std::string, std::string> fields;
  bool access_log = true;
};

struct TlsConfig {
  std::string certificate, key, minimum = "tls1.2";
  std::vector<std::string> cipher_suites, client_cas;
  std::string content;  // of its files when they were read, see ContentOf()
  bool enabled() const { return !certificate.empty(); }
};

struct DebugConfig {
  std::string addr;  // empty: off
  bool prometheus = false;
  std::string prometheus_path = "/metrics";
};

// How long a client may keep a connection waiting.
struct HttpTimeouts {
  Millis idle{620'000};   // between requests
  Millis stall{300'000};  // without a byte of a body, in either direction
  Millis head{60'000};    // from a request's first byte to the end of its head, and for a TLS handshake
  bool operator==(const HttpTimeouts&) const = default;
};

struct HttpConfig {
  std::string addr, host, prefix = "/", secret;
  bool relative_urls = false;
  HeaderList headers;
  Millis drain_timeout{25'000};
  HttpTimeouts timeouts;
  std::uint64_t memory_bytes = 0;  // bound of bodies and answers in memory; 0: of the machine's memory
  TlsConfig tls;
  DebugConfig debug;
  std::vector<std::string> trusted_proxies;  // CIDR; default: loopback and private ranges
};

struct StorageConfig {
  std::string root_directory = "/var/lib/registry";
  std::string database;  // empty: <root_directory>/portcall.db
  std::uint64_t reserve_bytes = 256ull << 20;
  bool delete_enabled = false, read_only = false;
  bool upload_purging = true, upload_purging_dry_run = false;
  std::chrono::hours upload_age{168};
  Millis upload_purge_interval{std::chrono::hours(24)};
};

enum class PullEvents { kDurable, kRelaxed, kOff };
enum class OnFull { kExpire, kRefuse };

struct EventsConfig {
  bool include_references = false;
  PullEvents pull = PullEvents::kRelaxed;
  std::chrono::seconds keep{std::chrono::hours(72)};
  std::uint64_t max_bytes = 0;  // 0: max_percent of the volume
  int max_percent = 20;
  OnFull on_full = OnFull::kExpire;
};

enum class Order { kRepository, kStrict, kNone };

// Which events an endpoint takes. An empty list has no effect. Repositories, tags and actors are globs: `*` within a
// path segment, `**` across them, `?` one character.
struct Selection {
  std::vector<std::string> actions, kinds, repositories, tags, media_types, actors;
};

// The values of a kind's own keys; each kind derives its own type. Immutable once read.
struct Settings {
  virtual ~Settings() = default;
};

struct Endpoint {
  std::string name;
  const Kind* kind = nullptr;  // null only when its type is unknown, which refuses the file
  std::shared_ptr<const Settings> settings;
  std::string url;            // where HTTP requests go; empty: the kind makes none
  std::string place;          // without a URL: the destination, fit to be shown
  std::string format;         // one of the kind's formats, where it has any
  std::string source;         // notifications.source, else the host of http.host; empty: neither is set
  bool sends_source = false;  // what it sends holds the registry's own name
  bool disabled = false;
  HeaderList headers;
  Millis timeout{10'000};
  int threshold = 10;
  Millis backoff{1'000}, max_backoff{300'000}, max_retry_after{3'600'000};
  std::optional<int> max_retries;  // unset or negative: endless
  Millis max_age{std::chrono::hours(168)};
  int concurrency = 32, max_parked = 10'000, batch = 1;
  double rate_limit = 0;  // requests a second, 0: none
  Order order = Order::kRepository;
  bool retry_on_timeout = true;
  Selection only, ignore;
  // Only pushes of images and indexes that change what a tag points to: no signatures, attestations, SBOMs, caches, no
  // push of what the tag names already. The default of CI systems and of the formats that image updaters read.
  bool images_only = false;
  // Later pushes of a tag replace one that waits (docs/delivery.md §4); debounce: how long the first waits for them.
  bool collapse = false;
  Millis debounce{0};
  std::vector<std::string> routes;   // globs: repositories that the destination can take; empty: all
  std::string from = "latest";       // latest, earliest, or an RFC 3339 time
  std::string was;                   // its earlier name, after a rename
  std::string ca, certificate, key;  // TLS of the receiver
  bool insecure_skip_verify = false;
  std::string tls_content;  // of these files when they were read, see ContentOf()
  // What references in the entry have brought: shown nowhere.
  std::vector<std::string> hidden;
  // Differs whenever anything in the entry does, see MapReader::Fingerprint(). Not for logs.
  std::string fingerprint;

  std::string_view type() const;  // the kind's name
  template <class S>
  std::shared_ptr<const S> As() const {  // the settings; null: they are another kind's
    return std::dynamic_pointer_cast<const S>(settings);
  }
  // Adds a fact from outside the entry to its fingerprint.
  void DependOn(std::string_view fact);
};

// What a message may show of an endpoint's place: without user, password, query and what references have brought.
std::string PlaceOf(const Endpoint& entry);

// What is recorded for the audit log beyond pushes, pulls, mounts and deletes.
struct AuditPolicy {
  bool strict = false;   // no request succeeds whose event is not on disk: pulls wait for theirs
  bool refused = false;  // 401, 403, 405 and 429 become events
};

struct HealthCheck {
  enum class Kind { kStorage, kFile, kHttp, kTcp } kind = Kind::kStorage;
  std::string target;               // file, URI or address
  std::vector<std::string> hidden;  // what references have brought into it: shown nowhere
  HeaderList headers;
  int status = 200;
  Millis interval{10'000}, timeout{5'000};
  int threshold = 1;
};

struct Config {
  std::string path;  // of the file
  LogConfig log;
  StorageConfig storage;
  HttpConfig http;
  EventsConfig events;
  std::vector<Endpoint> endpoints;
  std::string source;  // notifications.source, else the host of http.host
  AuditPolicy audit;
  bool audits() const;  // whether an endpoint whose kind audits is there and not disabled
  std::vector<HealthCheck> health;
  std::size_t catalog_max_entries = 1000, tags_max = 1000;
  ValidationConfig validation;
};
using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace portcall::config
