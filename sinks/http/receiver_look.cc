#include "sinks/http/receiver_look.h"

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "runtime/http/client.h"
#include "runtime/http/proxy.h"
#include "runtime/http/tls_look.h"
#include "runtime/http/url.h"
#include "runtime/text.h"

namespace portcall::sinks {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;

constexpr std::size_t kMostAddresses = 8;

Result<http::ClientOptions> OptionsOf(const config::Endpoint& endpoint, const http::Url& url) {
  http::ClientOptions options;
  options.url = url;
  auto proxy = http::ProxyFor(http::ProxyEnvironment::OfProcess(), url);
  if (!proxy) return proxy.error();
  options.proxy = *std::move(proxy);
  if (!url.tls()) return options;
  auto tls = http::MakeClientTls({endpoint.ca, endpoint.certificate, endpoint.key, endpoint.insecure_skip_verify});
  if (!tls) return tls.error();
  options.tls = *std::move(tls);
  return options;
}

Result<void> Connect(http::ClientOptions options, std::chrono::milliseconds patience) {
  asio::io_context context(1);
  http::Resolver resolver;
  http::Client client(context.get_executor(), resolver, std::move(options));
  std::optional<Result<void>> connected;
  auto connect = [&]() -> Task<> { connected = co_await client.Connect(patience); };
  asio::co_spawn(context, connect, [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  });
  context.run();
  return *std::move(connected);
}

// The addresses beside the one that a connection was made to: the sink tries them in turn.
std::optional<Finding> JudgeOthers(const std::string& what, const std::vector<asio::ip::address>& addresses,
                                   std::uint16_t port, std::chrono::milliseconds patience) {
  std::vector<std::string> dead;
  const std::size_t some = std::min(addresses.size(), kMostAddresses);
  for (std::size_t i = 0; i < some; ++i) {
    const auto there = http::LookAtPort({addresses[i], port}, patience / static_cast<long>(some));
    if (!there) dead.push_back(addresses[i].to_string() + " (" + there.error().detail + ")");
  }
  if (dead.empty()) return std::nullopt;
  return Warning(what, "of its addresses these do not answer: " + runtime::Joined(dead),
                 "take them out of the DNS, or mend the way to them: each connection tries them first, or not at all");
}

std::string Todo(const http::ClientOptions& options, const Error& why) {
  if (why.detail.find("certificate") != std::string::npos) {
    return "set tls.ca to the file of the CA that has signed its certificate, or have the receiver send its whole "
           "chain";
  }
  if (options.proxy) return "see whether the proxy runs and lets this host through, or name the host in NO_PROXY";
  if (why.code == Errc::kTimeout) return "see firewalls on the way, and that the port is right";
  return "see that it runs there, and that host and port are right";
}

Findings JudgeConnection(const std::string& what, const config::Endpoint& endpoint, const http::ClientOptions& options,
                         const std::vector<asio::ip::address>& addresses, std::chrono::milliseconds patience) {
  std::vector<std::string> shown;
  shown.reserve(addresses.size());
  for (const auto& address : addresses) shown.push_back(address.to_string());
  const http::Url& peer = options.proxy ? *options.proxy : options.url;
  const std::string way = options.proxy ? "by the proxy " + peer.host_header() + " of the environment" : peer.host;
  const auto connected = Connect(options, patience);
  if (!connected) return {Problem(what, connected.error().detail, Todo(options, connected.error()))};
  std::string how = way + " (" + runtime::Joined(shown) + "): connected";
  if (options.url.tls()) how += endpoint.insecure_skip_verify ? ", TLS" : ", TLS, and its certificate is right";
  Findings found;
  if (options.url.tls() && endpoint.insecure_skip_verify) {
    found.push_back(Note(what, how + "; whose certificate that is is not looked at (tls.insecureskipverify)",
                         "set tls.ca instead, so that nobody else can take its place"));
  } else {
    found.push_back(Fine(what, how));
  }
  if (addresses.size() > 1 && !options.proxy) {
    if (auto others = JudgeOthers(what, addresses, peer.port, patience)) found.push_back(*std::move(others));
  }
  return found;
}

}  // namespace

Findings LookAtReceiver(const config::Endpoint& endpoint, std::chrono::milliseconds patience) {
  const auto url = http::ParseUrl(endpoint.url);
  if (!url) return {Problem(endpoint.name, url.error().detail, "mend its url")};
  const std::string what = endpoint.name + " " + config::PlaceOf(endpoint);
  const auto options = OptionsOf(endpoint, *url);
  if (!options) return {Problem(what, options.error().detail, "mend that; the server would not start like this")};
  const std::string& host = options->proxy ? options->proxy->host : url->host;
  const auto addresses = http::Resolver::AskSystem(host);
  if (!addresses || addresses->empty()) {
    const std::string why = addresses ? host + " has no address" : addresses.error().detail;
    return {Problem(what, why, "mend the name in its url, or enter it in the DNS (or /etc/hosts)")};
  }
  return JudgeConnection(what, endpoint, *options, *addresses, patience);
}

}  // namespace portcall::sinks
