#include "runtime/http/client.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <vector>

#include "runtime/assertion.h"
#include "runtime/http/client_connection.h"
#include "runtime/timer.h"

namespace portcall::http {
namespace {

using SteadyClock = std::chrono::steady_clock;
using runtime::SteadyTime;
// How long a request waits for the rest of an earlier answer, whose head was enough, before it opens a connection of
// its own: longer than a delayed acknowledgement (40 ms), which is what a body waits for that is sent apart from its
// head.
constexpr std::chrono::milliseconds kPatience{50};
// What comes behind a head on a connection that ends with its answer may come until then: a receiver that is cut while
// it writes may take that for a failure, or end what it has begun (PHP does).
constexpr std::chrono::seconds kFarewell{5};

using Addresses = std::shared_ptr<const Resolver::Answer>;

// A lookup that can be given up: the answer, the timer or an abort, whichever is first, wakes the caller.
class LookupWait : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  LookupWait(const Executor& executor, Resume<Addresses> resume) : timer_(executor), resume_(std::move(resume)) {}

  static void Start(const std::shared_ptr<LookupWait>& wait, SteadyTime deadline) {
    wait->timer_.expires_at(deadline);
    wait->timer_.async_wait([wait](error_code) { wait->End(nullptr); });
  }
  void End(Addresses answer) {
    if (!resume_) return;
    unlink();
    std::exchange(resume_, {})(std::move(answer));
    timer_.cancel();
  }

 private:
  Timer timer_;
  Resume<Addresses> resume_;
};

}  // namespace

class Client::Impl {
 public:
  Impl(const Executor& executor, Resolver& resolver, ClientOptions options)
      : executor_(executor), resolver_(resolver), options_(std::move(options)) {
    assert(!options_.url.tls() || options_.tls);
  }
  ~Impl() {
    idle_.clear();
    leaving_.clear();
    assert(busy_.empty() && lookups_.empty());
  }

  Task<Result<Incoming>> Send(Outgoing request, std::chrono::milliseconds timeout);
  Task<Result<void>> Connect(std::chrono::milliseconds timeout);
  Error Bug(const std::string& what) const { return {Errc::kInternal, options_.url.host_header() + ": " + what}; }
  void Close();
  void Interrupt();
  void Abort();
  std::size_t idle() const {
    return static_cast<std::size_t>(
        std::count_if(idle_.begin(), idle_.end(), [](const auto& c) { return c->whole() && c->fresh(); }));
  }

 private:
  using Connection = std::unique_ptr<ClientConnection>;
  template <class T>
  using List = boost::intrusive::list<T, boost::intrusive::constant_time_size<false>>;

  Connection TakeIdle();
  Task<Connection> Reuse(SteadyTime deadline);
  Incoming Finish(Connection connection);
  void Keep(std::vector<Connection>& where, Connection connection, std::chrono::milliseconds how_long) const;
  Task<Result<Connection>> Open(SteadyTime deadline);
  Task<Addresses> LookUp(SteadyTime deadline);
  const Url& peer() const { return options_.proxy ? *options_.proxy : options_.url; }
  Error Cancelled() const { return {Errc::kCancelled, options_.url.host_header() + ": the client was shut down"}; }

  const Executor executor_;
  Resolver& resolver_;
  const ClientOptions options_;
  std::vector<Connection> idle_;     // the most recently used at the end; the rest of an answer may be to come
  std::vector<Connection> leaving_;  // carry no request any more
  List<ClientConnection> busy_;
  List<LookupWait> lookups_;
  std::uint64_t generation_ = 0;  // raised by Close(); older connections are not reused
  std::uint64_t interrupts_ = 0;
  bool aborted_ = false;
};

Task<Result<Incoming>> Client::Impl::Send(Outgoing request, std::chrono::milliseconds timeout) {
  if (aborted_) co_return Cancelled();
  const SteadyTime deadline = SteadyClock::now() + timeout;
  bool resent = false;
  const std::uint64_t interrupts = interrupts_;
  // A request that must not be sent twice gets a new connection: the server may just have closed an idle one.
  Connection connection;
  if (request.resend_on_stale) connection = co_await Reuse(deadline);
  if (interrupts != interrupts_) co_return Cancelled();
  if (connection) {
    if (request.begun != nullptr) *request.begun = true;
    std::optional<Error> failed = co_await connection->Exchange(request, deadline);
    // Some servers close an idle connection with a 408, which would pass for the answer to this request.
    const bool stale = failed ? failed->code == Errc::kUnavailable && !connection->answered()
                              : connection->answer().status == 408 && !connection->reusable();
    if (!stale && failed) co_return *std::move(failed);
    if (!stale) co_return Finish(std::move(connection));
    connection.reset();
    resent = true;
  }

  Result<Connection> opened = co_await Open(deadline);
  if (!opened) co_return std::move(opened).error();
  connection = *std::move(opened);
  if (request.begun != nullptr) *request.begun = true;
  std::optional<Error> failed = co_await connection->Exchange(request, deadline);
  if (failed) co_return *std::move(failed);
  Incoming answer = Finish(std::move(connection));
  answer.resent = resent;
  co_return answer;
}

Task<Result<void>> Client::Impl::Connect(std::chrono::milliseconds timeout) {
  if (aborted_) co_return Cancelled();
  const Result<Connection> opened = co_await Open(SteadyClock::now() + timeout);
  co_return opened ? Result<void>() : Result<void>(opened.error());
}

// Of those that wait for nothing the one that was used last, else one whose answer may soon be whole.
Client::Impl::Connection Client::Impl::TakeIdle() {
  std::erase_if(idle_, [](const Connection& c) { return c->whole() ? !c->fresh() : !c->promising(); });
  if (idle_.empty()) return nullptr;
  const auto ready = std::find_if(idle_.rbegin(), idle_.rend(), [](const Connection& c) { return c->whole(); });
  const auto at = ready == idle_.rend() ? std::prev(idle_.end()) : std::prev(ready.base());
  Connection connection = std::move(*at);
  idle_.erase(at);
  busy_.push_back(*connection);
  return connection;
}

Task<Client::Impl::Connection> Client::Impl::Reuse(SteadyTime deadline) {
  Connection connection = TakeIdle();
  if (connection == nullptr || connection->whole()) co_return connection;
  const std::uint64_t generation = generation_;
  const bool read = co_await connection->ReadRest(std::min(deadline, SteadyClock::now() + kPatience));
  if (!read || generation != generation_) connection.reset();
  co_return connection;
}

Incoming Client::Impl::Finish(Connection connection) {
  Incoming answer = std::move(connection->answer());
  connection->unlink();
  if (connection->generation() != generation_ || aborted_) return answer;
  if (connection->reusable() || connection->promising()) {
    Keep(idle_, std::move(connection), options_.idle_timeout);
  } else if (!connection->whole() && !connection->over()) {
    std::erase_if(leaving_, [](const Connection& c) { return c->over(); });
    Keep(leaving_, std::move(connection), kFarewell);
  }
  return answer;
}

// Drops the one that was kept longest, because the server is the likeliest to close it.
void Client::Impl::Keep(std::vector<Connection>& where, Connection connection,
                        std::chrono::milliseconds how_long) const {
  if (options_.max_idle == 0) return;
  if (where.size() >= options_.max_idle) where.erase(where.begin());
  connection->Rest(how_long);
  where.push_back(std::move(connection));
}

Task<Addresses> Client::Impl::LookUp(SteadyTime deadline) {
  auto start = [this, deadline](Resume<Addresses> resume) {
    auto wait = std::make_shared<LookupWait>(executor_, std::move(resume));
    lookups_.push_back(*wait);
    LookupWait::Start(wait, deadline);
    resolver_.Start(executor_, peer().host, [wait](Addresses answer) { wait->End(std::move(answer)); });
  };
  co_return co_await Suspend<Addresses>(start);
}

Task<Result<Client::Impl::Connection>> Client::Impl::Open(SteadyTime deadline) {
  const std::uint64_t interrupts = interrupts_;
  const Addresses found = co_await LookUp(deadline);
  if (interrupts != interrupts_) co_return Cancelled();
  if (!found) co_return Error(Errc::kTimeout, options_.url.host_header() + ": looking up its address took too long");
  if (!*found) {
    const std::string by = options_.proxy ? options_.url.host_header() + ": " : std::string();
    co_return Error(Errc::kUnavailable, by + found->error().detail);
  }

  const std::vector<asio::ip::address>& addresses = **found;
  std::optional<Error> failed;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // Shares the time among the addresses left, so that one that never answers does not use up all of it.
    const SteadyTime now = SteadyClock::now();
    const SteadyTime until = now + (deadline - now) / static_cast<long>(addresses.size() - i);
    auto connection = std::make_unique<ClientConnection>(options_, generation_);
    busy_.push_back(*connection);
    failed = co_await connection->Open(executor_, {addresses[i], peer().port}, until);
    if (interrupts != interrupts_) co_return Cancelled();
    if (!failed) co_return std::move(connection);
  }
  co_return *std::move(failed);
}

void Client::Impl::Close() {
  ++generation_;
  idle_.clear();
  leaving_.clear();
}

void Client::Impl::Abort() {
  aborted_ = true;
  Interrupt();
}

void Client::Impl::Interrupt() {
  ++interrupts_;
  Close();
  for (ClientConnection& connection : busy_) connection.Abort();
  while (!lookups_.empty()) lookups_.front().End(nullptr);
}

Client::Client(const Executor& executor, Resolver& resolver, ClientOptions options)
    : impl_(std::make_unique<Impl>(executor, resolver, std::move(options))) {}
Client::~Client() = default;

// What the other side sends may trip an assertion of Boost's: the connection goes, and that is all.
Task<Result<Incoming>> Client::Send(Outgoing request, std::chrono::milliseconds timeout) {
  std::string what;
  try {
    co_return co_await impl_->Send(request, timeout);
  } catch (const runtime::AssertionFailed& e) {
    what = e.what();
  }
  co_return impl_->Bug(what);
}
Task<Result<void>> Client::Connect(std::chrono::milliseconds timeout) {
  std::string what;
  try {
    co_return co_await impl_->Connect(timeout);
  } catch (const runtime::AssertionFailed& e) {
    what = e.what();
  }
  co_return impl_->Bug(what);
}
void Client::Close() { impl_->Close(); }
void Client::Interrupt() { impl_->Interrupt(); }
void Client::Abort() { impl_->Abort(); }
std::size_t Client::idle() const { return impl_->idle(); }

}  // namespace portcall::http
