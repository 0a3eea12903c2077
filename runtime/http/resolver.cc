#include "runtime/http/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <unordered_map>

namespace portcall::http {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Answer = Resolver::Answer;

constexpr std::chrono::seconds kKeepAnswer{30};
constexpr std::chrono::seconds kKeepFailure{5};
// From this many names on, expired answers are dropped.
constexpr std::size_t kManyNames = 256;

struct FreeInfo {
  void operator()(addrinfo* info) const { ::freeaddrinfo(info); }
};

// Blocks: runs on the pool.
Answer LookUp(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list)) {
    const char* reason = failed == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failed);
    return Error(Errc::kNotFound, "looking up " + host + ": " + reason);
  }
  const std::unique_ptr<addrinfo, FreeInfo> owner(list);
  std::vector<asio::ip::address> addresses;
  for (const addrinfo* info = list; info; info = info->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (info->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), info->ai_addr, info->ai_addrlen);
    endpoint.resize(info->ai_addrlen);
    addresses.push_back(endpoint.address());
  }
  if (addresses.empty()) return Error(Errc::kNotFound, "looking up " + host + ": it has no address");
  return addresses;
}

}  // namespace

// Shared with the lookups under way, which finish on the loop and may outlive the Resolver.
struct Resolver::State {
  struct Entry {
    std::shared_ptr<const Answer> answer;
    SteadyClock::time_point until{};
    std::vector<Done> waiting;
    bool running = false;
  };

  explicit State(asio::thread_pool& p) : pool(p) {}

  void Finish(const std::string& host, std::shared_ptr<const Answer> answer) {
    Entry& entry = entries[host];
    entry.running = false;
    entry.until = SteadyClock::now() + (*answer ? kKeepAnswer : kKeepFailure);
    entry.answer = answer;
    for (const Done& done : std::exchange(entry.waiting, {})) done(answer);
  }

  void Forget(SteadyClock::time_point now) {
    if (entries.size() < kManyNames) return;
    std::erase_if(entries, [now](const auto& named) { return !named.second.running && named.second.until <= now; });
  }

  asio::thread_pool& pool;
  std::unordered_map<std::string, Entry> entries;
};

Resolver::Resolver(asio::thread_pool& pool) : state_(std::make_shared<State>(pool)) {}

void Resolver::Start(const Executor& executor, const std::string& host, Done done) {
  error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) return done(std::make_shared<const Answer>(std::vector{literal}));

  const SteadyClock::time_point now = SteadyClock::now();
  state_->Forget(now);
  State::Entry& entry = state_->entries[host];
  if (entry.answer && now < entry.until) return done(entry.answer);
  entry.waiting.push_back(std::move(done));
  if (std::exchange(entry.running, true)) return;
  asio::post(state_->pool, [state = state_, host, work = asio::executor_work_guard<Executor>(executor)]() mutable {
    auto answer = std::make_shared<const Answer>(LookUp(host));
    const Executor loop = work.get_executor();
    // The state and the guard move into the handler, so that the loop's thread destroys them while the loop exists.
    asio::post(loop, [state = std::move(state), host, answer = std::move(answer), work = std::move(work)] {
      state->Finish(host, answer);
    });
  });
}

Task<Answer> Resolver::Resolve(std::string host) {
  const Executor executor = co_await asio::this_coro::executor;
  auto start = [this, &executor, &host](Resume<std::shared_ptr<const Answer>> resume) {
    auto shared = std::make_shared<Resume<std::shared_ptr<const Answer>>>(std::move(resume));
    Start(executor, host, [shared](std::shared_ptr<const Answer> answer) { (*shared)(std::move(answer)); });
  };
  const std::shared_ptr<const Answer> answer = co_await Suspend<std::shared_ptr<const Answer>>(start);
  co_return *answer;
}

}  // namespace portcall::http
