#include "app/doctor/surroundings.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/udp.hpp>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

#include "runtime/files.h"
#include "runtime/http/proxy.h"
#include "runtime/http/url.h"
#include "runtime/task.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using runtime::Finding;
using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;

constexpr std::chrono::milliseconds kAnswer(2'000), kSlow(1'000);
constexpr std::uint16_t kDnsPort = 53;

// A question that each name server can answer: who serves the root.
constexpr std::array<unsigned char, 17> kQuestion{0x70, 0x63, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

// How long the answer took; nothing: there was none. What it says does not matter.
Result<std::chrono::milliseconds> Ask(const asio::ip::udp::endpoint& at, std::chrono::milliseconds patience) {
  const auto begun = Clock::now();
  const runtime::Fd fd(::socket(at.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), at.data(), static_cast<socklen_t>(at.size())) != 0 ||
      ::send(fd.get(), kQuestion.data(), kQuestion.size(), 0) < 0) {
    return Error(Errc::kUnavailable, std::generic_category().message(errno));
  }
  pollfd one{fd.get(), POLLIN, 0};
  if (::poll(&one, 1, static_cast<int>(patience.count())) <= 0) return Error(Errc::kTimeout, "no answer");
  std::array<char, 512> answer{};
  if (::recv(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT) < 0) {
    return Error(Errc::kUnavailable, std::generic_category().message(errno));
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
}

Finding JudgeNameServer(const std::string& server, std::chrono::milliseconds patience) {
  const std::string what = "name server " + server, todo = "mend it, or take it out of /etc/resolv.conf";
  boost::system::error_code no_address;
  const auto address = asio::ip::make_address(server, no_address);
  if (no_address) return Warning(what, "is no address", todo);
  const auto took = Ask({address, kDnsPort}, patience);
  if (!took) return Problem(what, took.error().detail + ": lookups of names last long, or fail", todo);
  const std::string how = "answers in " + std::to_string(took->count()) + " ms";
  return *took >= kSlow ? Warning(what, how, "see why it is slow: each new connection to an endpoint waits for it")
                        : Fine(what, how);
}

std::string ValueOf(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

// A text that is no proxy may be a password.
std::string ShownProxy(const std::string& value) {
  const auto receiver = http::ParseUrl("https://receiver.invalid/");
  const auto proxy = http::ProxyFor({value, value, {}}, *receiver);
  if (!proxy || !*proxy) return "no URL of a proxy";
  return (*proxy)->scheme + "://" + (*proxy)->host + ":" + std::to_string((*proxy)->port);
}

}  // namespace

Findings JudgeProxies(const std::map<std::string, std::string>& environment) {
  Findings found;
  for (const auto& [capital, small] :
       {std::pair("HTTP_PROXY", "http_proxy"), std::pair("HTTPS_PROXY", "https_proxy")}) {
    const std::string in_capitals = ValueOf(environment, capital);
    const std::string value = in_capitals.empty() ? ValueOf(environment, small) : in_capitals;
    if (value.empty()) continue;
    const std::string excepted = ValueOf(environment, "NO_PROXY") + ValueOf(environment, "no_proxy");
    found.push_back(Note(
        capital, "is set here: " + ShownProxy(value) + (excepted.empty() ? ", without NO_PROXY" : ", with NO_PROXY"),
        "see that the server has the same environment: endpoints were looked at by it"));
  }
  if (found.empty()) found.push_back(Fine("proxies", "none in this environment"));
  return found;
}

Findings LookAtNameServers(const fs::path& file, std::chrono::milliseconds patience) {
  std::ifstream in(file);
  if (!in) {
    return {Note("name servers", file.string() + " cannot be read", "nothing, where /etc/hosts has all names")};
  }
  std::vector<std::string> servers;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key, server;
    if (words >> key >> server && key == "nameserver") servers.push_back(server);
  }
  if (servers.empty()) {
    return {Note("name servers", file.string() + " names none", "nothing, where /etc/hosts has all names")};
  }
  Findings found;
  for (const std::string& server : servers) {
    found.push_back(JudgeNameServer(server, patience / static_cast<long>(servers.size())));
  }
  return found;
}

Findings LookAtClock() {
  timex clock{};
  const int state = ::adjtimex(&clock);
  if (state < 0) return {};
  if (state == TIME_ERROR || (clock.status & STA_UNSYNC) != 0) {
    return {Note("clock", "nobody says that it is synchronised",
                 "run chrony or systemd-timesyncd, unless the host does it: events carry this machine's time")};
  }
  return {Fine("clock", "is synchronised")};
}

std::vector<Look> SurroundingLooks(const std::shared_ptr<const Installation>& it) {
  return {
      {"network", "proxies", kUsualPatience, [it] { return JudgeProxies(it->environment); }},
      {"network", "name servers", kUsualPatience, [] { return LookAtNameServers("/etc/resolv.conf", 2 * kAnswer); }},
      {"clock", "clock", kUsualPatience, [] { return LookAtClock(); }}};
}

}  // namespace portcall::app
