#include "tests/http/fixture.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/assert.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>

#include "runtime/http/unix_socket.h"

namespace portcall::http {

RawClient::RawClient(std::uint16_t port, std::uint8_t host, bool small_buffer)
    : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int buffer = 2'048;
  if (small_buffer) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) ADD_FAILURE() << "cannot bind";
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) ADD_FAILURE() << "cannot connect";
}

RawClient::RawClient(const std::filesystem::path& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto name = UnixName::Of(socket);
  if (!name) {
    ADD_FAILURE() << name.error().detail;
    return;
  }
  const auto to = name->endpoint();
  if (::connect(fd_, to.data(), static_cast<socklen_t>(to.size())) != 0) ADD_FAILURE() << "cannot connect";
}

RawClient::~RawClient() { ::close(fd_); }

void RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;  // the server may have closed: what it said is what counts
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void RawClient::EndSending() { ::shutdown(fd_, SHUT_WR); }

bool RawClient::Fill() {
  char buffer[64 * 1024];
  const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
  if (n < 0 && errno == EAGAIN) ADD_FAILURE() << "the server said nothing for ten seconds";
  if (n <= 0) return false;
  received_.append(buffer, static_cast<std::size_t>(n));
  return true;
}

std::string RawClient::ReadUntil(std::string_view mark) {
  std::size_t at = received_.find(mark);
  while (at == std::string::npos && Fill()) at = received_.find(mark);
  const std::size_t n = at == std::string::npos ? received_.size() : at + mark.size();
  std::string taken = received_.substr(0, n);
  received_.erase(0, n);
  return taken;
}

std::string RawClient::ReadBytes(std::size_t n) {
  while (received_.size() < n && Fill()) {
  }
  std::string taken = received_.substr(0, n);
  received_.erase(0, n);
  return taken;
}

std::string RawClient::ReadToEnd() {
  while (Fill()) {
  }
  return std::exchange(received_, {});
}

std::string RawClient::ReadResponse() {
  std::string head = ReadUntil("\r\n\r\n");
  const std::size_t field = head.find("Content-Length: ");
  if (field == std::string::npos) return head;
  return head + ReadBytes(std::strtoull(head.c_str() + field + 16, nullptr, 10));
}

bool RawClient::AtEnd() { return received_.empty() && !Fill(); }

std::unique_ptr<RawClient> SlowReader(std::uint16_t port, std::uint8_t host) {
  auto client = std::make_unique<RawClient>(port, host, /*small_buffer=*/true);
  client->Send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(StatusOf(client->ReadUntil("\r\n\r\n")), 200);
  return client;
}

std::string BodyOf(const std::string& response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "" : response.substr(end + 4);
}

int StatusOf(const std::string& response) { return response.size() < 12 ? 0 : std::atoi(response.c_str() + 9); }

Task<Result<std::size_t>> FailedAssertion(std::uint64_t, std::span<char>) {
  BOOST_ASSERT_MSG(false, "on purpose");
  co_return std::size_t{0};
}

struct TestServer::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> bugs, exchanges, incidents;
  Resume<bool> waiting;
  std::shared_ptr<std::FILE> open_file;
  std::uint64_t file_size = 0;

  Task<Response> Handle(Request& request);
  Task<Result<std::size_t>> Piece(std::uint64_t offset, std::span<char> into);
  Task<> Wait();
};

// Of the file, at most a thousand bytes at a time; 0 at its end.
Task<Result<std::size_t>> TestServer::State::Piece(std::uint64_t offset, std::span<char> into) {
  const std::size_t most = std::min<std::size_t>(into.size(), 1'000);
  const ssize_t n = ::pread(::fileno(open_file.get()), into.data(), most, static_cast<off_t>(offset));
  if (n < 0) co_return Error(Errc::kInternal, "pread");
  co_return static_cast<std::size_t>(n);
}

Task<> TestServer::State::Wait() {
  co_await Suspend<bool>([this](Resume<bool> resume) {
    const std::lock_guard lock(mutex);
    waiting = std::move(resume);
    changed.notify_all();
  });
}

// Until nobody waits for the answer.
Task<> UntilGone(std::stop_token gone) {
  std::optional<std::stop_callback<std::function<void()>>> on_gone;
  std::optional<Resume<bool>> held;
  co_await Suspend<bool>([&](Resume<bool> resume) {
    held = std::move(resume);
    on_gone.emplace(gone, [&held] { (*held)(true); });
  });
}

Task<Response> TestServer::State::Handle(Request& request) {
  Response response;
  const std::string_view path = request.path();
  if (path == "/throw") throw std::runtime_error("a bug on purpose");
  BOOST_ASSERT(path != "/assert");
  if (path == "/wait" || path == "/until-gone") co_await Wait();
  if (path == "/hold") {
    EXPECT_TRUE(request.memory->Grow(1 << 19));
    co_await Wait();
  }
  if (path == "/until-gone") co_await UntilGone(request.Gone());
  if (path == "/echo" || path == "/wait") {
    Result<std::string> body = co_await ReadAll(*request.body, 64 << 20, request.memory);
    if (body) {
      response.body = std::move(*body);
    } else {
      response.status = 500;
      response.body = body.error().detail;
    }
  } else if (path == "/file") {
    response.body = FileRange{open_file, ::fileno(open_file.get()), 0, file_size};
  } else if (path == "/short-file") {
    response.body = FileRange{open_file, ::fileno(open_file.get()), 0, file_size + 1};
  } else if (path == "/stream" || path == "/short-stream") {
    auto read = [this](std::uint64_t offset, std::span<char> into) { return Piece(offset, into); };
    response.body = StreamRange{read, 0, file_size + (path == "/stream" ? 0 : 1)};
  } else if (path == "/assert-later") {
    response.body = StreamRange{FailedAssertion, 0, file_size};
  } else if (path == "/range") {
    response.status = 206;
    response.body = FileRange{open_file, ::fileno(open_file.get()), 100, 5};
  } else if (path == "/big") {
    response.body = std::make_shared<const std::string>(8 << 20, 'b');
  } else if (path == "/close") {
    response.close = true;
  } else if (path == "/leave") {
    request.context = std::string(request.query());
  } else if (path == "/no-content") {
    response.status = 204;
  } else if (path == "/ignore") {
    response.body = std::string("ignored");
  } else {
    response.fields.Add("X-Peer", request.peer_ip);
    response.fields.Add("X-From", request.peer);
    std::string told = request.method + " " + request.target + (request.tls ? " tls" : "");
    if (!request.tls_subject.empty()) told += " " + request.tls_subject;
    response.body = std::move(told);
  }
  co_return response;
}

TestServer::TestServer(ServerLimits limits, TlsContext tls, std::string addr, FileLane files,
                       runtime::MemoryBudget* memory)
    : state_(std::make_unique<State>()) {
  for (int i = 0; file_.size() < (3u << 20); ++i) file_ += std::to_string(i) + '\n';
  state_->open_file = std::shared_ptr<std::FILE>(std::tmpfile(), [](std::FILE* f) { std::fclose(f); });
  std::fwrite(file_.data(), 1, file_.size(), state_->open_file.get());
  std::fflush(state_->open_file.get());
  state_->file_size = file_.size();

  ServerOptions options;
  options.memory = memory;
  if (addr.starts_with('/')) {
    options.unix_path = std::move(addr);
  } else {
    options.addr = std::move(addr);
  }
  options.tls = std::move(tls);
  options.limits = limits;
  options.files = files;
  options.handler = [state = state_.get()](Request& request) { return state->Handle(request); };
  options.on_bug = [state = state_.get()](std::string_view what) {
    const std::lock_guard lock(state->mutex);
    state->bugs.emplace_back(what);
  };
  options.on_exchange = [state = state_.get()](const http::Exchange& e) {
    const std::lock_guard lock(state->mutex);
    state->exchanges.push_back(e.request.method + " " + std::string(e.request.path()) + " " +
                               std::to_string(e.response.status) + " " + std::to_string(e.read) + " " +
                               std::to_string(e.written));
    const bool gave_room = e.end == Exchange::End::kGaveRoom;
    if (gave_room) state->exchanges.back() += " gave room " + std::to_string(e.status());
    if (e.end != Exchange::End::kSent && !gave_room) state->exchanges.back() += " cut " + std::to_string(e.status());
    const auto* left = std::any_cast<std::string>(&e.request.context);
    if (left != nullptr) state->exchanges.back() += " left " + *left;
    state->changed.notify_all();
  };
  options.on_incident = [state = state_.get()](const Incident& i) {
    const std::lock_guard lock(state->mutex);
    state->incidents.push_back(std::to_string(static_cast<int>(i.kind)) + " " + std::string(i.peer_ip) + " " +
                               std::to_string(i.status) + " " + std::string(i.what));
    state->changed.notify_all();
  };
  Result<std::unique_ptr<Server>> server = Server::Listen(std::move(options), {&first_, &second_});
  if (!server) throw std::runtime_error(server.error().detail);
  server_ = std::move(*server);
  server_->Open();
}

TestServer::~TestServer() { server_.reset(); }

std::vector<std::string> TestServer::bugs() {
  const std::lock_guard lock(state_->mutex);
  return state_->bugs;
}

std::vector<std::string> TestServer::exchanges() {
  const std::lock_guard lock(state_->mutex);
  return state_->exchanges;
}

std::vector<std::string> TestServer::incidents() {
  const std::lock_guard lock(state_->mutex);
  return state_->incidents;
}

void TestServer::WaitForExchanges(std::size_t number) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, std::chrono::seconds(10), [&] { return state_->exchanges.size() >= number; });
}

void TestServer::WaitForIncidents(std::size_t number) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, std::chrono::seconds(10), [&] { return state_->incidents.size() >= number; });
}

void TestServer::Occupy(std::chrono::milliseconds duration) {
  for (runtime::Loop* loop : {&first_, &second_}) {
    asio::post(loop->executor(), [duration] { std::this_thread::sleep_for(duration); });
  }
}

void TestServer::WaitForWaiting() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return static_cast<bool>(state_->waiting); });
}

void TestServer::Release() {
  const std::lock_guard lock(state_->mutex);
  state_->waiting(true);
}

}  // namespace portcall::http
