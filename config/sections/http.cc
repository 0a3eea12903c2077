#include <algorithm>
#include <array>

#include "config/certificates.h"
#include "config/reader/address.h"
#include "config/reader/disk_places.h"
#include "config/reader/scalars.h"
#include "config/sections/sections.h"
#include "runtime/http/tls.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

// Go's names, as the files of Distribution have them.
constexpr std::array<std::string_view, 25> kCipherSuites{
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
};

// Some manifests of the largest size; less would refuse what is ordinary.
constexpr std::uint64_t kLeastMemory = 32 << 20;

// What making the context would find wrong, at the keys. A start finds it itself.
void CheckTls(MapReader& section, const TlsConfig& tls) {
  if (section.report().strictness() != Strictness::kCheck) return;
  if (const auto suites = http::CheckCipherSuites(tls.cipher_suites); !suites) {
    section.Error("ciphersuites", suites.error().detail);
  }
  for (const std::string& file : tls.client_cas) {
    if (const auto trusted = http::CheckAuthority(file); !trusted) section.Error("clientcas", trusted.error().detail);
  }
  if (!tls.enabled()) return;
  if (const auto pair = http::CheckPair(tls.certificate, tls.key); !pair) {
    section.Error(pair.error().detail.starts_with("key ") ? "key" : "certificate", pair.error().detail);
  }
}

void ReadTls(MapReader& http, TlsConfig& tls) {
  MapReader section = http.Sub("tls");
  const std::size_t errors = section.report().errors();
  section.ReadFile("certificate", tls.certificate);
  section.ReadFile("key", tls.key);
  if (tls.certificate.empty() != tls.key.empty()) {
    section.Error(
        tls.key.empty() ? "certificate" : "key",
        "certificate and key belong together: " + std::string(tls.key.empty() ? "key" : "certificate") + " is missing");
  }
  section.ReadChoice("minimumtls", {"tls1.0", "tls1.1", "tls1.2", "tls1.3"}, tls.minimum);
  section.Read("ciphersuites", tls.cipher_suites);
  for (const std::string& suite : tls.cipher_suites) {
    if (std::find(kCipherSuites.begin(), kCipherSuites.end(), suite) != kCipherSuites.end()) continue;
    section.Error("ciphersuites", Quoted(suite) + " is no cipher suite" + DidYouMean(suite, kCipherSuites));
  }
  section.Read("clientcas", tls.client_cas);
  for (const std::string& file : tls.client_cas) {
    if (std::string why = WhyUnreadable(file); !why.empty()) section.Error("clientcas", why);
  }
  if (!tls.client_cas.empty() && tls.certificate.empty()) {
    section.Error("clientcas", "clients show certificates over TLS only: certificate and key are missing");
  }
  constexpr std::string_view kRequired = "require-and-verify-client-cert";
  std::string mode(kRequired);
  section.Read("clientauth", mode);
  if (mode != kRequired) section.Error("clientauth", "only " + std::string(kRequired) + " works here yet");
  MapReader acme = section.Sub("letsencrypt");
  if (!acme.empty()) {
    section.Error("letsencrypt",
                  "certificates are not ordered here: get one with another tool and name it in "
                  "certificate and key; it is read again when it changes");
  }
  if (section.report().known() == nullptr && section.report().errors() == errors) {
    CheckTls(section, tls);
    tls.content = ContentOf(tls);
    if (const std::string why = WhyExpired(tls.certificate); !why.empty()) section.Warn("certificate", why);
  }
  section.Finish();
}

// What the debug server has under names of its own.
constexpr std::array<std::string_view, 6> kDebugPages{
    "/debug/health", "/debug/health/down", "/debug/health/up", "/debug/vars", "/livez", "/readyz"};

void ReadDebug(MapReader& http, const std::string& main_addr, DebugConfig& debug) {
  MapReader section = http.Sub("debug");
  section.Read("addr", debug.addr);
  if (!debug.addr.empty()) {
    std::string why = WhyBadAddress(debug.addr, AddressFor::kListen);
    if (why.empty() && Collide(debug.addr, main_addr)) why = "is the address of the registry itself, " + main_addr;
    if (!why.empty()) section.Error("addr", why);
  }
  MapReader prometheus = section.Sub("prometheus");
  prometheus.Read("enabled", debug.prometheus);
  prometheus.Read("path", debug.prometheus_path);
  if (!debug.prometheus_path.starts_with('/')) {
    prometheus.Error("path", "begins with a slash: write /" + debug.prometheus_path.substr(0, 60));
  } else if (std::ranges::find(kDebugPages, debug.prometheus_path) != kDebugPages.end()) {
    prometheus.Error("path", debug.prometheus_path + " is another page of the debug server: write /metrics");
  } else if (debug.prometheus_path.find_first_of("?# ") != std::string::npos) {
    prometheus.Error("path", "is a path without query, fragment or blanks: write /metrics");
  }
  if (debug.prometheus && debug.addr.empty()) {
    prometheus.Warn("enabled", "metrics are served by the debug server, and http.debug.addr is missing");
  }
  prometheus.Finish();
  MapReader tls = section.Sub("tls");
  bool enabled = false;
  tls.Read("enabled", enabled);
  if (enabled) tls.Error("enabled", "TLS for the debug server does not work here yet: bind it to localhost");
  for (std::string_view key : {"certificate", "key", "clientcas", "minimumtls", "ciphersuites", "clientauth"})
    tls.Accept(key);
  tls.Finish();
  section.Ignore("pprof", "there is no Go profiler");
  section.Finish();
}

void ReadPlaces(MapReader& section, HttpConfig& http) {
  section.Read("addr", http.addr);
  if (http.addr.empty()) {
    section.Error("addr", "is missing: write addr: :5000 for all interfaces, or 127.0.0.1:5000 for this machine only");
  } else if (std::string why = WhyBadAddress(http.addr, AddressFor::kListen); !why.empty()) {
    section.Error("addr", why);
  }
  std::string net = "tcp";
  section.ReadChoice("net", {"tcp", "unix"}, net);
  if (net == "unix") section.Error("net", "Unix sockets are not served yet; write tcp, or leave it out");
  section.Read("host", http.host);
  while (http.host.ends_with('/')) http.host.pop_back();
  if (!http.host.empty()) {
    if (http.host.find_first_of("@?#") != std::string::npos) {
      section.Error("host",
                    "is the address that clients use, without user, query or fragment: https://registry.example.com");
    } else if (std::string why = WhyBadUrl(http.host); !why.empty()) {
      section.Error("host", why + "; it is the address that clients use: https://registry.example.com");
    } else {
      const std::size_t scheme_end = http.host.find("://");
      http.host.replace(0, scheme_end, runtime::LowerCase(http.host.substr(0, scheme_end)));
    }
  }
  section.Read("prefix", http.prefix);
  if (std::string why = WhyBadPrefix(http.prefix); !why.empty()) section.Error("prefix", why);
  if (!http.prefix.starts_with('/')) http.prefix.insert(0, "/");
  if (!http.prefix.ends_with('/')) http.prefix += '/';
}

void ReadTrustedProxies(MapReader& section, std::vector<std::string>& networks) {
  networks = {"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};
  section.Read("trustedproxies", networks);
  for (std::string& network : networks) {
    if (std::string why = WhyBadNetwork(network); !why.empty()) section.Error("trustedproxies", why);
  }
}

}  // namespace

void ReadHttp(MapReader& root, HttpConfig& http) {
  MapReader section = root.Sub("http");
  ReadPlaces(section, http);
  section.Read("secret", http.secret);
  section.Read("relativeurls", http.relative_urls);
  section.ReadHeaders("headers", http.headers);
  section.Read("draintimeout", http.drain_timeout, /*zero_counts=*/true);
  MapReader timeouts = section.Sub("timeouts", UnknownKeys::kRefused);
  constexpr Millis kLeast(1'000);  // below it no request over a real network would succeed
  timeouts.ReadAtLeast("idle", kLeast, http.timeouts.idle);
  timeouts.ReadAtLeast("stall", kLeast, http.timeouts.stall);
  timeouts.ReadAtLeast("head", kLeast, http.timeouts.head);
  timeouts.Finish();
  section.ReadSize("memory", kLeastMemory, http.memory_bytes);
  ReadTls(section, http.tls);
  ReadDebug(section, http.addr, http.debug);
  ReadTrustedProxies(section, http.trusted_proxies);
  section.Ignore("http2", "HTTP/1.1 is served");
  section.Ignore("h2c", "HTTP/1.1 is served");
  section.Finish();
}

}  // namespace portcall::config
