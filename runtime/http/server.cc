#include "runtime/http/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/use_future.hpp>
#include <future>
#include <optional>
#include <utility>

#include "runtime/http/connection.h"
#include "runtime/http/crowd.h"
#include "runtime/http/listener.h"
#include "runtime/http/unix_socket.h"
#include "runtime/mutex.h"
#include "runtime/timer.h"

namespace portcall::http {
namespace {

// The pause when file descriptors have run out: accepting fails until some are closed.
constexpr std::chrono::milliseconds kNoDescriptors{100};
// How often an accept loop at its limit looks whether a connection has ended, while somebody waits outside.
constexpr std::chrono::milliseconds kFullHouse{5};
constexpr int kLooks = 10;  // at who is slow, in a window

// The connections of one loop; touched on that loop only.
struct Worker {
  explicit Worker(runtime::Loop& l) : loop(l) {}
  void Serve(std::unique_ptr<Connection> connection);

  runtime::Loop& loop;
  runtime::Gate gate;
  Connections connections;
};

void Worker::Serve(std::unique_ptr<Connection> connection) {
  Connection* const raw = connection.get();
  runtime::Spawn(loop.executor(), gate, Connection::Run(std::move(connection)), [raw] { raw->Drain(); });
}

// Does something with a worker's connections, on its loop.
template <class F>
Task<> On(Worker& worker, F does) {
  auto run = [&]() -> Task<> {
    does(worker.connections);
    co_return;
  };
  co_await asio::co_spawn(worker.loop.executor(), run, use_task);
}

struct Door {
  Door(std::string at, Acceptor a, SocketFile f = {})
      : address(std::move(at)), acceptor(std::move(a)), file(std::move(f)), pause(acceptor.get_executor()) {}
  std::string address;
  std::uint16_t port = 0;
  Acceptor acceptor;
  SocketFile file;  // of a Unix socket
  Timer pause;
};
using Doors = std::vector<std::unique_ptr<Door>>;

Result<Doors> OpenDoors(const Executor& executor, const ServerOptions& options) {
  Doors doors;
  if (!options.unix_path.empty()) {
    Result<UnixListener> listener = ListenAt(executor, options.unix_path);
    if (!listener) return listener.error();
    doors.push_back(std::make_unique<Door>("unix:" + options.unix_path.string(), std::move(listener->acceptor),
                                           std::move(listener->file)));
    return doors;
  }
  Result<std::vector<TcpAcceptor>> acceptors = Bind(executor, options.addr);
  if (!acceptors) return acceptors.error();
  for (TcpAcceptor& acceptor : *acceptors) {
    const asio::ip::tcp::endpoint at = acceptor.local_endpoint();
    doors.push_back(std::make_unique<Door>(Shown(at), Acceptor(std::move(acceptor))));
    doors.back()->port = at.port();
  }
  return doors;
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, const std::vector<runtime::Loop*>& loops, Doors doors);

  void Open();
  void Drain(std::chrono::milliseconds patience);
  void SetTls(TlsContext tls);
  std::vector<std::string> addresses() const;
  std::uint16_t port() const { return doors_.back()->port; }
  std::size_t connections() const { return open_.load(std::memory_order_relaxed); }

 private:
  Task<> Accept(Door& door);
  Task<std::chrono::milliseconds> AcceptOne(Door& door);
  Task<> MakeRoom();
  Task<> EndSlow();
  Task<> WatchMemory();
  Task<> LookAtMemory();
  void Hand(Socket socket, Worker& worker);
  TlsContext Tls();
  Executor front() { return workers_.front()->loop.executor(); }

  ServerOptions options_;
  runtime::Mutex tls_mutex_;
  TlsContext tls_ GUARDED_BY(tls_mutex_);
  std::atomic<std::uint32_t> open_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  const Doors doors_;
  runtime::Gate accepting_;                    // on the first loop
  std::size_t next_ = 0;                       // worker that gets the next connection
  std::size_t room_ = 0;                       // worker that is asked next to close one
  Connection::Clock::time_point next_look_{};  // at who is slow, while all are busy
  std::optional<Timer> memory_pause_;
  std::uint64_t refused_ = 0;                         // by options_.memory, at the last look
  Connection::Clock::time_point memory_short_until_;  // it was short at a look a window ago or later
  bool drained_ = false;
};

Server::Impl::Impl(ServerOptions options, const std::vector<runtime::Loop*>& loops, Doors doors)
    : options_(std::move(options)), tls_(std::move(options_.tls)), doors_(std::move(doors)) {
  for (runtime::Loop* loop : loops) workers_.push_back(std::make_unique<Worker>(*loop));
}

std::vector<std::string> Server::Impl::addresses() const {
  std::vector<std::string> addresses;
  for (const std::unique_ptr<Door>& door : doors_) addresses.push_back(door->address);
  return addresses;
}

void Server::Impl::Open() {
  asio::post(front(), [this] {
    for (const std::unique_ptr<Door>& door : doors_) {
      runtime::Spawn(front(), accepting_, Accept(*door), [d = door.get()] {
        error_code ignored;
        d->acceptor.close(ignored);
        d->pause.cancel();
      });
    }
    if (options_.memory != nullptr) {
      memory_pause_.emplace(front());
      runtime::Spawn(front(), accepting_, WatchMemory(), [this] { memory_pause_->cancel(); });
    }
  });
}

Task<> Server::Impl::Accept(Door& door) {
  while (!accepting_.closed()) {
    const std::chrono::milliseconds pause = co_await AcceptOne(door);
    if (pause.count() > 0 && !accepting_.closed()) {
      door.pause.expires_after(pause);
      [[maybe_unused]] const auto [cancelled] = co_await door.pause.async_wait(nothrow);
    }
  }
}

// How long to wait before the next.
Task<std::chrono::milliseconds> Server::Impl::AcceptOne(Door& door) {
  if (open_.load(std::memory_order_relaxed) >= options_.limits.connections) {
    const auto [ec] = co_await door.acceptor.async_wait(Acceptor::wait_read, nothrow);
    if (ec) co_return std::chrono::milliseconds(0);
    if (open_.load(std::memory_order_relaxed) >= options_.limits.connections) {
      co_await MakeRoom();
      co_return kFullHouse;
    }
  }
  Worker& worker = *workers_[next_++ % workers_.size()];
  auto [ec, socket] = co_await door.acceptor.async_accept(worker.loop.executor(), nothrow);
  if (!ec) {
    Hand(std::move(socket), worker);
  } else if (ec != asio::error::connection_aborted && ec != asio::error::operation_aborted) {
    if (options_.on_incident) {
      options_.on_incident({Incident::Kind::kNoDescriptors, {}, {}, 0, "accepting failed: " + ec.message()});
    }
    co_return kNoDescriptors;
  }
  co_return std::chrono::milliseconds(0);
}

// Closes the connection that waits longest, of the first loop that has any. One whose request has come, and waits for
// us, keeps its place.
Task<> Server::Impl::MakeRoom() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    Worker& worker = *workers_[room_++ % workers_.size()];
    bool made = false;
    co_await On(worker, [&](Connections& all) {
      const auto idle = std::ranges::find_if(all.waiting, [](const Connection& one) { return one.silent(); });
      made = idle != all.waiting.end();
      if (made) idle->LeaveIfSilent();
    });
    if (made) co_return;
  }
  co_await EndSlow();
}

Task<> Server::Impl::EndSlow() {
  const Connection::Clock::time_point now = Connection::Clock::now();
  if (now < next_look_) co_return;
  const ServerLimits& limits = options_.limits;
  next_look_ = now + limits.crowd_window / kLooks;
  Crowd crowd;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    co_await On(*worker, [&](Connections& all) { crowd.Look(all, now); });
  }
  const std::string address(crowd.Largest(limits.connections));
  if (address.empty()) co_return;
  std::size_t most = std::max<std::size_t>(1, limits.connections / 256);
  for (std::size_t i = 0; i < workers_.size() && most > 0; ++i) {
    co_await On(*workers_[room_++ % workers_.size()], [&](Connections& all) {
      most -= http::EndSlow(all, address, static_cast<double>(limits.crowd_min_rate), most);
    });
  }
}

Task<> Server::Impl::WatchMemory() {
  while (!accepting_.closed()) {
    memory_pause_->expires_after(options_.limits.crowd_window / kLooks);
    [[maybe_unused]] const auto [cancelled] = co_await memory_pause_->async_wait(nothrow);
    if (!accepting_.closed()) co_await LookAtMemory();
  }
}

// From half of the budget on there are looks, so that it is known who is slow when somebody waits.
Task<> Server::Impl::LookAtMemory() {
  const runtime::MemoryBudget& memory = *options_.memory;
  const ServerLimits& limits = options_.limits;
  const Connection::Clock::time_point now = Connection::Clock::now();
  const bool refuses = memory.refused() != refused_;
  refused_ = memory.refused();
  if (refuses || memory.waiters() > 0) memory_short_until_ = now + limits.crowd_window;
  const bool is_short = now < memory_short_until_;
  if (!is_short && memory.held() < memory.most() / 2) co_return;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    co_await On(*worker, [&](Connections& all) { LookAtHolders(all, now, limits, is_short); });
  }
}

void Server::Impl::Hand(Socket socket, Worker& worker) {
  std::optional<Peer> peer = PeerOf(socket);
  if (!peer) return;
  open_.fetch_add(1, std::memory_order_relaxed);
  asio::post(worker.loop.executor(),
             [this, &worker, p = *std::move(peer), tls = Tls(), s = std::move(socket)]() mutable {
               worker.Serve(std::make_unique<Connection>(options_, std::move(s), std::move(p), std::move(tls),
                                                         worker.connections, open_));
             });
}

TlsContext Server::Impl::Tls() {
  const runtime::MutexLock lock(tls_mutex_);
  return tls_;
}

void Server::Impl::SetTls(TlsContext tls) {
  const runtime::MutexLock lock(tls_mutex_);
  tls_ = std::move(tls);
}

void Server::Impl::Drain(std::chrono::milliseconds patience) {
  if (std::exchange(drained_, true)) return;
  const auto until = std::chrono::steady_clock::now() + patience;
  asio::post(front(), [this] { accepting_.Close(); });
  asio::co_spawn(front(), accepting_.Drained(), asio::use_future).wait();
  for (const std::unique_ptr<Door>& door : doors_) door->file.Remove();

  // No more connections are handed to the workers, and those handed over are queued on the loops before these posts.
  std::vector<std::future<void>> ended;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    asio::post(worker->loop.executor(), [w = worker.get()] { w->gate.Close(); });
    ended.push_back(asio::co_spawn(worker->loop.executor(), worker->gate.Drained(), asio::use_future));
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (ended[i].wait_until(until) == std::future_status::ready) continue;
    // Drain() waits for this too: the gate may become empty first, and the worker must still exist when it runs.
    auto close = [w = workers_[i].get()] {
      for (Connection& connection : w->connections.waiting) connection.Close();
      for (Connection& connection : w->connections.busy) connection.Close();
    };
    ended.push_back(asio::post(workers_[i]->loop.executor(), asio::use_future(std::move(close))));
  }
  for (const std::future<void>& end : ended) end.wait();
}

int Exchange::status() const {
  switch (end) {
    case End::kSent:
      return response.status;
    case End::kSourceFailed:
      return 500;
    default:
      return 499;
  }
}

Result<std::unique_ptr<Server>> Server::Listen(ServerOptions options, std::vector<runtime::Loop*> loops) {
  Result<Doors> doors = OpenDoors(loops.front()->executor(), options);
  if (!doors) return doors.error();
  return std::unique_ptr<Server>(new Server(std::make_unique<Impl>(std::move(options), loops, std::move(*doors))));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Drain(std::chrono::milliseconds(0)); }

void Server::Open() { impl_->Open(); }
std::vector<std::string> Server::addresses() const { return impl_->addresses(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::SetTls(TlsContext tls) { impl_->SetTls(std::move(tls)); }
std::size_t Server::connections() const { return impl_->connections(); }
void Server::Drain(std::chrono::milliseconds patience) { impl_->Drain(patience); }

}  // namespace portcall::http
