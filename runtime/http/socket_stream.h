#pragma once

#include <memory>

#include "runtime/http/deadline.h"
#include "runtime/http/sockets.h"

namespace portcall::http {

inline constexpr std::chrono::seconds kGoodbye{1};

// What plain and TLS streams share: the socket, its deadline, its end.
class SocketStream : public ByteStream, protected Deadline {
 public:
  explicit SocketStream(TcpSocket socket);

  void ExpiresAfter(std::chrono::steady_clock::duration d) override { SetDeadline(d, false); }
  void InterruptAfter(std::chrono::steady_clock::duration d) override { SetDeadline(d, true); }
  void ExpiresNever() override { Clear(); }
  bool expired() const override { return expired_; }
  void Close() override;

  Task<IoResult> Connect(asio::ip::tcp::endpoint to);

 protected:
  // An operation that the deadline ended says so.
  error_code Explain(error_code ec) const { return ec && expired_ ? asio::error::timed_out : ec; }
  void OnDeadline() override;
  void Prepare();  // options of a connected socket
  // Ends our half and waits for the peer's, discarding: closing with bytes unread would reset the connection, and the
  // peer would lose what it was sent last.
  Task<> Linger();
  TcpSocket socket_;

 private:
  void SetDeadline(std::chrono::steady_clock::duration d, bool interrupt);
  bool expired_ = false;
  bool interrupt_ = false;
};

// The TLS side of sockets.h, in a file of its own because OpenSSL's headers are heavy.
std::unique_ptr<SocketStream> TlsClientStream(TcpSocket socket, TlsContext tls, const std::string& host);

}  // namespace portcall::http
