#include "app/doctor/listeners.h"

#include <fstream>
#include <memory>
#include <string_view>

#include "app/doctor/certificate_end.h"
#include "runtime/http/listener.h"
#include "runtime/http/resolver.h"
#include "runtime/http/tls.h"
#include "runtime/http/url.h"
#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::app {
namespace {

using asio::ip::tcp;
using runtime::Finding;
using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;
using SystemClock = std::chrono::system_clock;

constexpr std::chrono::milliseconds kConnect(2'000);

// Where a client of this machine reaches it.
tcp::endpoint Reachable(const tcp::endpoint& at) {
  if (!at.address().is_unspecified()) return at;
  if (at.address().is_v4()) return {asio::ip::address_v4::loopback(), at.port()};
  return {asio::ip::address_v6::loopback(), at.port()};
}

bool NeedsPrivilege(const Person& person, std::uint16_t port) {
  int first = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first;
  return person.uid != 0 && port != 0 && port < first;
}

std::string Shown(const std::vector<std::string>& texts) {
  constexpr std::size_t kMost = 8;
  if (texts.empty()) return "none";
  const std::vector<std::string> some(texts.begin(), texts.begin() + static_cast<long>(std::min(kMost, texts.size())));
  return runtime::Joined(some) + (texts.size() > kMost ? ", …" : "");
}

Finding JudgeTime(const http::TlsSight& sight, SystemClock::time_point now) {
  if (sight.from > now && sight.to > now) {
    return Problem("certificate's end", "is valid only from " + TimeOf(sight.from) + " on",
                   "set the clock, or renew it");
  }
  return JudgeEnd("certificate's end", sight.to, now,
                  "renew it: the server takes new files into use by itself within a minute, or at SIGHUP");
}

Finding JudgeTrust(const http::TlsSight& sight) {
  const std::string what = "certificate's chain";
  const std::string sent =
      std::to_string(sight.length) + (sight.length == 1 ? " certificate is sent" : " certificates are sent");
  if (!sight.ordered) {
    return Problem(what, sent + ", which do not follow one another",
                   "put them into the file in this order: the server's own, its issuer's, and so on");
  }
  if (sight.refused.empty()) return Fine(what, sent + ", and this machine trusts them");
  if (sight.self_signed) {
    return Note(what, "the certificate signs itself", "nothing, where clients are told to trust it");
  }
  if (sight.own_root) {
    return Note(what, sent + "; the last is a root that this machine does not know: " + sight.last_issuer,
                "nothing, where clients are told to trust it");
  }
  if (!sight.issuer_unknown) {
    const auto now = SystemClock::now();
    const bool told_apart = sight.to <= now || sight.from > now;
    return told_apart ? Note(what, sent + ": " + sight.refused, "see the line on its end")
                      : Problem(what, sent + ", and is refused: " + sight.refused, "have it issued anew, for a server");
  }
  if (sight.more_offered && sight.length == 1) {
    return Problem(what, sent + ", and the last one's issuer is missing: " + sight.last_issuer,
                   "append the issuer's certificate (the CA hands out \"full chain\" files) to the file");
  }
  return Note(what, sent + "; this machine does not know the last one's issuer: " + sight.last_issuer,
              "nothing, where that is a root that clients trust; else append its certificate to the file");
}

constexpr std::string_view kMain = "http.addr";

Result<void> Reach(const Installation& it, const std::string& key, const tcp::endpoint& at) {
  if (key != kMain || !it.running() || !it.config->http.tls.enabled()) return http::LookAtPort(at, kConnect);
  const auto sight = http::LookAtTls(at, "", kConnect);
  return sight ? Result<void>() : Result<void>(sight.error());
}

Result<tcp::endpoint> MainAddress(const Installation& it) {
  const auto at = http::EndpointsOf(it.config->http.addr);
  if (!at) return at.error();
  if (at->empty()) return Error(Errc::kUnavailable, it.config->http.addr + " is no address");
  return Reachable(at->front());
}

Findings JudgeFiles(const Installation& it, const http::TlsSight& sight) {
  const config::TlsConfig& tls = it.config->http.tls;
  const auto file = http::LookAtChain(tls.certificate);
  const std::string what = "certificate's file";
  if (!file) return {Warning(what, file.error().detail, "run this as " + it.server.name + ", or as root")};
  if (file->fingerprint == sight.fingerprint) return {Fine(what, "is what the server shows")};
  return {Warning(what, tls.certificate + " holds another certificate than the server shows",
                  "wait a minute, or send the server SIGHUP; its log says why it does not take it")};
}

// Of the chain that the server sends, or would.
Findings JudgeShown(const Installation& it, const http::TlsSight& sight) {
  Findings found = JudgeChain(sight, SystemClock::now());
  const auto host = http::ParseUrl(it.config->http.host);
  if (host && host->tls() && !sight.covers(host->host)) {
    found.push_back(Warning("certificate's names",
                            "it is not valid for http.host, " + host->host + ", but for " + Shown(sight.names),
                            "have it issued for that name too, unless a proxy in front has a certificate of its own"));
  }
  return found;
}

// A connection without a handshake, or without the certificate that is wanted, is a refusal that the server logs.
bool MayConnect(const Installation& it) { return it.running() && it.config->http.tls.client_cas.empty(); }

}  // namespace

Findings LookAtAddress(const Installation& it, const std::string& key, const std::string& addr) {
  const std::string what = key + " " + addr;
  const auto places = http::EndpointsOf(addr);
  if (!places) return {Problem(what, places.error().detail, "set " + key + " to an address of this machine")};
  Findings found;
  if (key == kMain && it.config->http.tls.enabled() && it.running() && !MayConnect(it)) {
    return {Note(what, "was not connected to: the server wants certificates of its clients, and logs who has none",
                 "try it with a client that has one")};
  }
  for (const tcp::endpoint& place : *places) {
    const tcp::endpoint at = Reachable(place);
    const std::string where = http::Shown(at);
    const auto there = Reach(it, key, at);
    if (!it.seen) {
      found.push_back(Fine(what, where + (there ? " accepts connections" : " is free")));
    } else if (it.running() && there) {
      found.push_back(Fine(what, "accepts connections at " + where));
    } else if (it.running()) {
      found.push_back(Problem(what, where + ": " + there.error().detail,
                              "see the server's log, and whether it was started with this configuration"));
    } else if (there) {
      found.push_back(
          Problem(what, "another process has " + where, "find it (ss -ltnp), and stop it, or choose another port"));
    } else if (NeedsPrivilege(it.server, at.port())) {
      found.push_back(Warning(what, where + " is free, but " + it.server.name + " may not take ports so low",
                              "AmbientCapabilities=CAP_NET_BIND_SERVICE in the service, or a port from 1024 on"));
    } else {
      found.push_back(Fine(what, where + " is free"));
    }
  }
  return found;
}

Findings JudgeChain(const http::TlsSight& sight, SystemClock::time_point now) {
  Findings found{JudgeTrust(sight), JudgeTime(sight, now)};
  const std::string names = "is valid for " + Shown(sight.names);
  found.push_back(sight.names.empty() ? Problem("certificate's names", "it names no host, so that clients refuse it",
                                                "have it issued anew, with subjectAltName")
                                      : Fine("certificate's names", names));
  return found;
}

Findings LookAtServerTls(const Installation& it) {
  const config::TlsConfig& tls = it.config->http.tls;
  if (!tls.enabled()) return {};
  Findings found;
  const auto pair = http::CheckPair(tls.certificate, tls.key);
  found.push_back(pair ? Fine("certificate and key", "belong together")
                       : Problem("certificate and key", pair.error().detail, "put the right pair there"));
  if (!MayConnect(it)) {
    const auto kept = http::LookAtChain(tls.certificate);
    if (kept) runtime::Add(found, JudgeShown(it, *kept));
    return found;
  }
  const auto at = MainAddress(it);
  if (!at) return found;  // told of the address
  const auto host = http::ParseUrl(it.config->http.host);
  const auto sight = http::LookAtTls(*at, host ? host->host : "", kConnect);
  if (!sight) {
    found.push_back(Problem("TLS", "at " + http::Shown(*at) + ": " + sight.error().detail,
                            "see whether the server that runs has this configuration"));
    return found;
  }
  runtime::Add(found, JudgeFiles(it, *sight));
  runtime::Add(found, JudgeShown(it, *sight));
  return found;
}

Findings LookAtHost(const Installation& it) {
  const std::string& text = it.config->http.host;
  if (text.empty()) return {};
  const auto url = http::ParseUrl(text);
  if (!url) return {Problem("http.host", url.error().detail, "write https://registry.example.com")};
  const std::string what = "http.host " + url->host;
  const auto found = http::Resolver::AskSystem(url->host);
  if (!found) {
    return {
        Problem(what, found.error().detail, "enter the name in the DNS (or /etc/hosts): events and clients use it")};
  }
  std::vector<std::string> addresses;
  bool loopback = true;
  for (const auto& address : *found) {
    addresses.push_back(address.to_string());
    loopback = loopback && address.is_loopback();
  }
  if (loopback) {
    return {Note(what, "leads to this machine alone: " + Shown(addresses), "nothing, where no other machine uses it")};
  }
  return {Fine(what, "leads to " + Shown(addresses))};
}

std::vector<Look> ListenerLooks(const std::shared_ptr<const Installation>& it) {
  std::vector<Look> looks;
  const auto add = [&looks](std::string what, std::function<Findings()> see) {
    looks.push_back({"listeners", std::move(what), kUsualPatience, std::move(see)});
  };
  add("http.addr", [it] { return LookAtAddress(*it, "http.addr", it->config->http.addr); });
  const std::string& debug = it->config->http.debug.addr;
  if (!debug.empty())
    add("http.debug.addr", [it] { return LookAtAddress(*it, "http.debug.addr", it->config->http.debug.addr); });
  add("http.tls", [it] { return LookAtServerTls(*it); });
  add("http.host", [it] { return LookAtHost(*it); });
  return looks;
}

}  // namespace portcall::app
