#include "app/server/certificates.h"

#include <prometheus/gauge.h>

#include <algorithm>

#include "runtime/time.h"

namespace portcall::app {
namespace {

using SystemClock = std::chrono::system_clock;

std::string NameOf(const std::string& endpoint) { return endpoint.empty() ? "http.tls" : "endpoint " + endpoint; }

std::string TextOf(SystemClock::time_point time) {
  return runtime::Rfc3339Nano(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

}  // namespace

Certificates::Found Certificates::Compare(const config::Config& config) {
  Found found;
  const config::TlsConfig& tls = config.http.tls;
  if (const std::string content = ContentOf(tls); content != tls.content) {
    auto made = http::MakeServerTls({tls.certificate, tls.key, tls.minimum, tls.cipher_suites, tls.client_cas});
    if (made) {
      found.changes.server = *std::move(made);
      found.changes.server_content = content;
    } else {
      found.broken[""] = {content, made.error().detail};
    }
  }
  for (const config::Endpoint& endpoint : config.endpoints) {
    if (endpoint.disabled) continue;
    const std::string content = ContentOf(endpoint);
    if (content == endpoint.tls_content) continue;
    const auto made = http::MakeClientTls({endpoint.ca, endpoint.certificate, endpoint.key});
    if (made) {
      found.changes.endpoints[endpoint.name] = content;
    } else {
      found.broken[endpoint.name] = {content, made.error().detail};
    }
  }
  found.ends = CertificateEnds(config);
  return found;
}

Result<Certificates::Changes> Certificates::Look(const config::ConfigPtr& config, bool at_once,
                                                 std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  const Error late(Errc::kTimeout, "a disk does not answer for the files of certificates");
  if (late_.valid() && late_.wait_until(until) != std::future_status::ready) return late;
  const auto lane = lanes_.Of("certificates");
  if (!lane) return lane.error();
  std::packaged_task<Found()> task([config] { return Compare(*config); });
  late_ = task.get_future();
  (*lane)->Post(std::move(task));
  if (late_.wait_until(until) != std::future_status::ready) return late;
  Found found = late_.get();
  Settle(found, at_once);
  Show(found.ends, /*said=*/false);
  return std::move(found.changes);
}

// Keeps back what has only just changed, and tells what is broken.
void Certificates::Settle(Found& found, bool at_once) {
  std::set<std::pair<std::string, std::string>> now;
  const auto counts = [&](const std::string& name, const std::string& content) {
    now.emplace(name, content);
    return at_once || seen_.contains({name, content});
  };
  Changes& changes = found.changes;
  if (changes.server && !counts("", changes.server_content)) changes.server.reset();
  std::erase_if(changes.endpoints, [&](const auto& one) { return !counts(one.first, one.second); });
  for (const auto& [name, broken] : found.broken) {
    const auto& [content, why] = broken;
    if (!counts(name, content) || !refused_.emplace(name, content).second) continue;
    log_.Error("a certificate's files have changed and cannot be used, the old certificate stays",
               {{"of", NameOf(name)}, {"error", why}});
  }
  std::erase_if(refused_, [&now](const auto& one) { return !now.contains(one); });
  seen_ = std::move(now);
}

void Certificates::Show(const std::vector<config::CertificateEnd>& ends, bool said) {
  const auto gauge = [this](const std::string& use, const std::string& endpoint) -> prometheus::Gauge& {
    return metrics_.Level("portcall_certificate_expiry_timestamp_seconds",
                          "When a certificate of http.tls (use: server) or of an endpoint (use: client) expires",
                          {{"use", use}, {"endpoint", endpoint}});
  };
  std::set<std::pair<std::string, std::string>> shown;
  for (const config::CertificateEnd& one : ends) {
    const std::string use = one.endpoint.empty() ? "server" : "client";
    gauge(use, one.endpoint).Set(static_cast<double>(SystemClock::to_time_t(one.end)));
    shown.emplace(use, one.endpoint);
    if (one.end > SystemClock::now()) continue;
    const std::string what = one.endpoint + "\n" + one.file + "\n" + TextOf(one.end);
    if (!told_.insert(what).second || said) continue;
    log_.Error("a certificate has expired: whoever looks at it refuses it; renew it",
               {{"of", NameOf(one.endpoint)}, {"file", one.file}, {"expired", TextOf(one.end)}});
  }
  for (const auto& [use, endpoint] : shown_) {
    if (!shown.contains({use, endpoint})) gauge(use, endpoint).Set(0);
  }
  shown_ = std::move(shown);
  const runtime::MutexLock lock(mutex_);
  ends_ = ends;
}

std::vector<config::CertificateEnd> Certificates::expired() const {
  std::vector<config::CertificateEnd> all;
  const runtime::MutexLock lock(mutex_);
  std::ranges::copy_if(ends_, std::back_inserter(all), [](const auto& one) { return one.end <= SystemClock::now(); });
  return all;
}

}  // namespace portcall::app
