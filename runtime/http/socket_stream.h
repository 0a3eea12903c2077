#pragma once

#include <memory>

#include "runtime/http/deadline.h"
#include "runtime/http/sockets.h"

namespace portcall::http {

inline constexpr std::chrono::seconds kGoodbye{1};

// What plain and TLS streams share: the socket, its deadline, its end.
class SocketStream : public ByteStream, protected Deadline {
 public:
  explicit SocketStream(Socket socket);

  void ExpiresAfter(std::chrono::steady_clock::duration d) override { SetDeadline(d, false); }
  void InterruptAfter(std::chrono::steady_clock::duration d) override { SetDeadline(d, true); }
  void StallsAfter(std::chrono::steady_clock::duration d, std::uint64_t min_rate) override;
  void ExpiresNever() override { Clear(); }
  bool expired() const override { return expired_; }
  std::int64_t Progress() const override;
  bool PeerClosed() const override;
  bool silent() const override;
  void Interrupt() override;
  void Close() override;

  Task<IoResult> Connect(asio::generic::stream_protocol::endpoint to);
  // Over the socket itself, whatever stands above it: before the handshake alone, with a proxy that opens a tunnel.
  Task<IoResult> ReadSocket(asio::mutable_buffer into);  // some bytes; eof as error
  Task<IoResult> WriteSocket(asio::const_buffer bytes);  // all of them, or an error

 protected:
  // Turns the error of an operation that the deadline ended into timed_out.
  error_code Explain(error_code ec) const { return ec && expired_ ? asio::error::timed_out : ec; }
  void OnDeadline() override;
  void Prepare();  // options of a connected socket
  // Ends our half and discards what comes until the peer ends its own: closing with bytes unread would reset the
  // connection, and the peer would lose what we sent last.
  Task<> Linger();
  Socket socket_;
  // The kernel took so many bytes to send, or gave those that came.
  void Moved(std::size_t bytes) {
    quiet_looks_ = 0;
    moved_ += static_cast<std::int64_t>(bytes);
  }

 private:
  void SetDeadline(std::chrono::steady_clock::duration d, bool interrupt);
  bool Stalled();
  bool TooSlow(std::int64_t progress);
  bool expired_ = false;
  bool interrupt_ = false;
  // A stall is looked for in steps; zero: the deadline is none of that kind.
  std::chrono::steady_clock::duration step_{};
  int quiet_looks_ = 0;
  int queued_ = -1;  // bytes that the peer had not acknowledged at the last look; -1: there was none
  std::int64_t moved_ = 0;
  std::uint64_t min_rate_ = 0;
  int rate_looks_ = 0;  // since the one that found `progress_`
  std::int64_t progress_ = 0;
};

// The TLS side of sockets.h, in a file of its own because OpenSSL's headers are heavy.
std::unique_ptr<SocketStream> TlsClientStream(Socket socket, TlsContext tls, const std::string& host);

}  // namespace portcall::http
