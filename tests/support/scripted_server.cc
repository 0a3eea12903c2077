#include "tests/support/scripted_server.h"

#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace portcall::testing {
namespace {

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool ReceiveMore(int fd, std::string& input) {
  char block[16384];
  const ssize_t n = ::recv(fd, block, sizeof block, 0);
  if (n > 0) input.append(block, static_cast<std::size_t>(n));
  return n > 0;
}

}  // namespace

std::string SeenRequest::Field(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != name.size() || ::strncasecmp(line.data(), name.data(), colon) != 0) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string_view::npos ? std::string() : std::string(line.substr(value));
  }
  return {};
}

Reply::Reply(int status, std::string body, std::vector<std::pair<std::string, std::string>> fields) {
  bytes = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const auto& [name, value] : fields) bytes += name + ": " + value + "\r\n";
  bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

Reply Reply::Raw(std::string bytes, After after) {
  Reply reply;
  reply.after = bytes.empty() && after == After::kKeepOpen ? After::kClose : after;
  reply.bytes = std::move(bytes);
  return reply;
}

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "scripted server");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { Accept(); });
}

ScriptedServer::ScriptedServer(std::vector<Reply> replies) : ScriptedServer() {
  for (Reply& reply : replies) Enqueue(std::move(reply));
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  changed_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  workers_.clear();
  ::close(listener_);
}

std::string ScriptedServer::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

void ScriptedServer::Enqueue(Reply reply) {
  const std::lock_guard lock(mutex_);
  queued_.push_back(std::move(reply));
}

void ScriptedServer::Release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

void ScriptedServer::CloseConnections() {
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  WaitForOpen(0);
}

std::vector<SeenRequest> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int ScriptedServer::connections() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

bool ScriptedServer::WaitForRequests(std::size_t n, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return requests_.size() >= n; });
}

bool ScriptedServer::WaitForOpen(int n, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return static_cast<int>(open_.size()) == n; });
}

void ScriptedServer::Accept() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (fd < 0 || ending_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    open_.push_back(fd);
    workers_.emplace_back([this, fd, number = accepted_++] { Serve(fd, number); });
    changed_.notify_all();
  }
}

void ScriptedServer::Serve(int fd, int number) {
  std::string input;
  SeenRequest request;
  request.connection = number;
  while (ReadRequest(fd, input, request)) {
    const Reply reply = Next(request);
    if (!Perform(fd, reply)) break;
  }
  const std::lock_guard lock(mutex_);
  open_.remove(fd);
  ::close(fd);
  changed_.notify_all();
}

bool ScriptedServer::ReadRequest(int fd, std::string& input, SeenRequest& request) {
  std::size_t end = 0;
  while ((end = input.find("\r\n\r\n")) == std::string::npos) {
    if (!ReceiveMore(fd, input)) return false;
  }
  request.head = input.substr(0, end);
  input.erase(0, end + 4);
  request.method = request.head.substr(0, request.head.find(' '));
  const std::size_t target = request.method.size() + 1;
  request.target = request.head.substr(target, request.head.find(' ', target) - target);
  const std::size_t length = std::strtoull(request.Field("Content-Length").c_str(), nullptr, 10);
  while (input.size() < length) {
    if (!ReceiveMore(fd, input)) return false;
  }
  request.body = input.substr(0, length);
  input.erase(0, length);
  return true;
}

Reply ScriptedServer::Next(const SeenRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    if (!queued_.empty()) {
      Reply reply = std::move(queued_.front());
      queued_.pop_front();
      return reply;
    }
  }
  return script_ ? script_(request) : Reply(200);
}

bool ScriptedServer::Perform(int fd, const Reply& reply) {
  if (reply.held) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return released_ || ending_; });
  }
  if (!Pause(reply.delay)) return false;
  const std::size_t step = reply.drip > 0 ? reply.drip : reply.bytes.size();
  for (std::size_t at = 0; at < reply.bytes.size(); at += step) {
    if (!SendAll(fd, std::string_view(reply.bytes).substr(at, step))) return false;
    if (reply.drip > 0 && !Pause(reply.pause)) return false;
  }
  for (std::uint64_t i = 0; i < reply.fill; ++i) {
    if (!SendAll(fd, reply.filler)) return false;
  }
  if (reply.after == Reply::After::kReset) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  return reply.after == Reply::After::kKeepOpen;
}

bool ScriptedServer::Pause(std::chrono::milliseconds d) {
  std::unique_lock lock(mutex_);
  return d.count() <= 0 ? !ending_ : !changed_.wait_for(lock, d, [this] { return ending_; });
}

}  // namespace portcall::testing
