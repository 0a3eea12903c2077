#include "runtime/http/sockets.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/http/network.h"
#include "runtime/http/socket_stream.h"

namespace portcall::http {
namespace {

constexpr std::uint64_t kSendFileStep = 1024UL * 1024;
// What files may send before the loop's other connections get their turn.
constexpr std::uint64_t kInARow = 4UL * 1024 * 1024;
// How many looks in a row must find nothing moved for a stall.
constexpr int kLooks = 4;

std::size_t SizeOf(std::span<const asio::const_buffer> buffers) {
  std::size_t total = 0;
  for (const asio::const_buffer& b : buffers) total += b.size();
  return total;
}

class TcpStream final : public SocketStream {
 public:
  using SocketStream::SocketStream;
  Task<IoResult> Read(asio::mutable_buffer into) override;
  Task<IoResult> Write(std::span<const asio::const_buffer> buffers) override;
  bool CanSendFile() const override { return true; }
  Task<IoResult> SendFile(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<> Shutdown() override;

 private:
  Task<IoResult> WriteRest(std::span<const asio::const_buffer> buffers, std::size_t sent);
  std::uint64_t in_a_row_ = 0;  // bytes of files sent without a trip through the loop
};

Task<IoResult> TcpStream::Read(asio::mutable_buffer into) {
  const auto [ec, n] = co_await socket_.async_read_some(into, nothrow);
  Moved(n);
  co_return IoResult{Explain(ec), n};
}

Task<IoResult> TcpStream::Write(std::span<const asio::const_buffer> buffers) {
  // Nearly always the kernel has room, and then no trip through the loop is needed.
  error_code ec;
  const std::size_t sent = socket_.write_some(buffers, ec);
  Moved(sent);
  if (ec && ec != asio::error::would_block) co_return IoResult{Explain(ec), sent};
  if (sent == SizeOf(buffers)) co_return IoResult{{}, sent};
  co_return co_await WriteRest(buffers, sent);
}

Task<IoResult> TcpStream::WriteRest(std::span<const asio::const_buffer> buffers, std::size_t sent) {
  std::size_t skip = sent;
  for (const asio::const_buffer& whole : buffers) {
    asio::const_buffer rest = whole + skip;
    skip -= std::min(skip, whole.size());
    while (rest.size() > 0) {
      const auto [wait_ec] = co_await socket_.async_wait(Socket::wait_write, nothrow);
      if (wait_ec) co_return IoResult{Explain(wait_ec), sent};
      error_code ec;
      const std::size_t n = socket_.write_some(asio::const_buffer(rest), ec);
      if (ec && ec != asio::error::would_block) co_return IoResult{Explain(ec), sent};
      sent += n;
      rest += n;
      Moved(n);
    }
  }
  co_return IoResult{{}, sent};
}

Task<IoResult> TcpStream::SendFile(int fd, std::uint64_t offset, std::uint64_t length) {
  std::uint64_t sent = 0;
  while (sent < length) {
    off_t at = static_cast<off_t>(offset + sent);
    const ssize_t n = ::sendfile(socket_.native_handle(), fd, &at, std::min(length - sent, kSendFileStep));
    if (n > 0) {
      Moved(static_cast<std::size_t>(n));
      sent += static_cast<std::uint64_t>(n);
      in_a_row_ += static_cast<std::uint64_t>(n);
      if (in_a_row_ < kInARow) continue;
      in_a_row_ = 0;
      co_await asio::post(socket_.get_executor(), use_task);
    } else if (n == 0) {
      co_return IoResult{asio::error::eof, sent};  // the file is shorter than promised
    } else if (errno == EAGAIN) {
      in_a_row_ = 0;
      const auto [ec] = co_await socket_.async_wait(Socket::wait_write, nothrow);
      if (ec) co_return IoResult{Explain(ec), sent};
    } else if (errno != EINTR) {
      co_return IoResult{error_code(errno, boost::system::system_category()), sent};
    }
  }
  co_return IoResult{{}, sent};
}

Task<> TcpStream::Shutdown() {
  ExpiresAfter(kGoodbye);
  co_await Linger();
}

std::optional<Peer> LocalPeerOf(Socket& socket) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return std::nullopt;
  const std::string text = "unix:uid=" + std::to_string(who.uid) + ",pid=" + std::to_string(who.pid);
  return Peer{text, {}, LocalPeer{who.uid, who.gid, who.pid}};
}

}  // namespace

std::string Shown(const asio::ip::tcp::endpoint& to) {
  const std::string ip = to.address().to_string();
  return (to.address().is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(to.port());
}

std::optional<Peer> PeerOf(Socket& socket) {
  error_code ec;
  const asio::generic::stream_protocol::endpoint generic = socket.remote_endpoint(ec);
  if (ec) return std::nullopt;
  if (generic.protocol().family() == AF_UNIX) return LocalPeerOf(socket);
  asio::ip::tcp::endpoint peer;
  peer.resize(generic.size());
  std::memcpy(peer.data(), generic.data(), generic.size());
  peer.address(Unmapped(peer.address()));
  return Peer{Shown(peer), peer.address().to_string(), std::nullopt};
}

SocketStream::SocketStream(Socket socket) : Deadline(socket.get_executor().context()), socket_(std::move(socket)) {}

void SocketStream::Prepare() {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

void SocketStream::Interrupt() {
  error_code ignored;
  socket_.cancel(ignored);
}

void SocketStream::Close() {
  Clear();
  error_code ignored;
  socket_.close(ignored);
}

void SocketStream::SetDeadline(std::chrono::steady_clock::duration d, bool interrupt) {
  expired_ = false;
  interrupt_ = interrupt;
  step_ = {};
  Set(std::chrono::steady_clock::now() + d);
}

void SocketStream::StallsAfter(std::chrono::steady_clock::duration d, std::uint64_t min_rate) {
  SetDeadline(d / kLooks, false);
  step_ = d / kLooks;
  min_rate_ = min_rate;
  rate_looks_ = 0;
  quiet_looks_ = 0;
  queued_ = -1;
}

// A socket's buffer is large and says that it has room again only when much of it has gone, so that the kernel is asked
// how much the peer has not acknowledged.
bool SocketStream::Stalled() {
  int queued = 0;
  if (::ioctl(socket_.native_handle(), SIOCOUTQ, &queued) != 0) return true;
  if (queued != queued_) quiet_looks_ = 0;
  queued_ = queued;
  return ++quiet_looks_ > kLooks || TooSlow(moved_ - queued);
}

bool SocketStream::TooSlow(std::int64_t progress) {
  if (rate_looks_++ == 0) progress_ = progress;
  if (rate_looks_ <= kLooks) return false;
  rate_looks_ = 1;
  const double bytes = static_cast<double>(progress - std::exchange(progress_, progress));
  return bytes < static_cast<double>(min_rate_) * std::chrono::duration<double>(kLooks * step_).count();
}

std::int64_t SocketStream::Progress() const {
  int queued = 0;
  const bool told = ::ioctl(const_cast<Socket&>(socket_).native_handle(), SIOCOUTQ, &queued) == 0;
  return told ? moved_ - queued : moved_;
}

void SocketStream::OnDeadline() {
  if (step_.count() > 0 && !Stalled()) return Set(std::chrono::steady_clock::now() + step_);
  expired_ = true;
  if (interrupt_) return Interrupt();
  error_code ignored;
  socket_.close(ignored);
}

bool SocketStream::PeerClosed() const {
  if (!socket_.is_open()) return true;
  pollfd look{const_cast<Socket&>(socket_).native_handle(), POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0;  // errors, too
}

Task<> SocketStream::Linger() {
  error_code ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  std::array<char, 4096> discarded;
  while (!ec) {
    const auto [read_ec, n] = co_await socket_.async_read_some(asio::buffer(discarded), nothrow);
    ec = read_ec;
  }
}

Task<IoResult> SocketStream::Connect(asio::generic::stream_protocol::endpoint to) {
  const auto [ec] = co_await socket_.async_connect(to, nothrow);
  if (!ec) Prepare();
  co_return IoResult{Explain(ec), 0};
}

Task<IoResult> SocketStream::ReadSocket(asio::mutable_buffer into) {
  const auto [ec, n] = co_await socket_.async_read_some(into, nothrow);
  co_return IoResult{Explain(ec), n};
}

Task<IoResult> SocketStream::WriteSocket(asio::const_buffer bytes) {
  const auto [ec, n] = co_await asio::async_write(socket_, bytes, nothrow);
  co_return IoResult{Explain(ec), n};
}

bool SocketStream::silent() const {
  char next = 0;
  return ::recv(const_cast<Socket&>(socket_).native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::unique_ptr<ByteStream> PlainStream(Socket socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  return std::make_unique<TcpStream>(std::move(socket));
}

Task<Result<std::unique_ptr<ByteStream>>> AcceptTls(Socket socket, TlsContext tls, std::chrono::milliseconds patience) {
  std::unique_ptr<ByteStream> stream = TlsServerStream(std::move(socket), std::move(tls));
  stream->ExpiresAfter(patience);
  const IoResult done = co_await stream->Handshake();
  if (stream->expired()) co_return Error(Errc::kTimeout, "the TLS handshake took too long");
  if (done.ec) co_return Error(Errc::kUnavailable, "TLS handshake: " + done.ec.message());
  stream->ExpiresNever();
  co_return std::move(stream);
}

}  // namespace portcall::http
