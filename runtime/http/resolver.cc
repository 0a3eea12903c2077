#include "runtime/http/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "runtime/mutex.h"

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

std::shared_ptr<const Answer> Failed(Errc code, std::string why) {
  return std::make_shared<const Answer>(Error(code, std::move(why)));
}

}  // namespace

Answer Resolver::AskSystem(const std::string& host) {
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

// On the loop.
struct Resolver::State {
  struct Entry {
    std::shared_ptr<const Answer> answer;
    SteadyClock::time_point until{};
    std::vector<Done> waiting;
    bool running = false;
  };

  explicit State(LookUp how) : look_up(std::move(how)) {}

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

  const LookUp look_up;
  std::unordered_map<std::string, Entry> entries;
};

// What a lookup's thread may touch. Once it is shut, the loop may be gone.
struct Resolver::Door {
  runtime::Mutex mutex;
  bool open GUARDED_BY(mutex) = true;
};

Resolver::Resolver(LookUp look_up)
    : door_(std::make_shared<Door>()), state_(std::make_shared<State>(std::move(look_up))) {}

Resolver::~Resolver() {
  const runtime::MutexLock lock(door_->mutex);
  door_->open = false;
}

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
  auto job = [door = door_, weak = std::weak_ptr(state_), look_up = state_->look_up, host, executor] {
    auto answer = std::make_shared<const Answer>(look_up(host));
    const runtime::MutexLock lock(door->mutex);
    if (!door->open) return;
    asio::post(executor, [weak, host, answer = std::move(answer)] {
      if (const auto state = weak.lock()) state->Finish(host, answer);
    });
  };
  if (!threads_.Run(std::move(job))) {
    state_->Finish(host, Failed(Errc::kUnavailable, "looking up " + host + ": no thread can be had"));
  }
}

}  // namespace portcall::http
