#pragma once

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/task.h"

namespace portcall::http {

struct IoResult {
  error_code ec;
  std::size_t n = 0;
};

// One connection, whatever is below it: TCP, TLS, or memory in tests. It lives on one loop. One read and one write may
// be pending at a time. After Close(), or when the deadline passes, pending and later operations fail.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // What must happen before the first byte, under the deadline set before; nothing on plain streams.
  virtual Task<IoResult> Handshake();
  // The subject of the peer's verified certificate, as RFC 2253 writes it; empty: there is none. After the handshake.
  virtual std::string PeerSubject() const { return {}; }
  virtual Task<IoResult> Read(asio::mutable_buffer into) = 0;                     // some bytes; eof as error
  virtual Task<IoResult> Write(std::span<const asio::const_buffer> buffers) = 0;  // all bytes or an error
  // Sends `length` bytes of `fd` from `offset` without copying; only where CanSendFile().
  virtual bool CanSendFile() const { return false; }
  virtual Task<IoResult> SendFile(int fd, std::uint64_t offset, std::uint64_t length);
  // Says goodbye (TLS close_notify, FIN) and waits for the peer's, within a second, so that what was sent last arrives;
  // replaces the deadline; errors are of no interest.
  virtual Task<> Shutdown() = 0;
  // Counts from now and replaces the earlier deadline. When it passes, the stream is closed.
  virtual void ExpiresAfter(std::chrono::steady_clock::duration d) = 0;
  virtual void ExpiresNever() = 0;
  // Like ExpiresAfter, but the deadline only fails what is pending (`timed_out`): an answer can still be sent, after a
  // new deadline is set.
  virtual void InterruptAfter(std::chrono::steady_clock::duration d) { ExpiresAfter(d); }
  // For what is being sent: like ExpiresAfter, but begins anew whenever a byte has arrived at the peer, so that it ends
  // a peer that takes nothing and none that is slow, but for one that takes fewer than `min_rate` bytes a second over
  // that time. May pass a quarter later.
  virtual void StallsAfter(std::chrono::steady_clock::duration d, std::uint64_t /*min_rate*/) { ExpiresAfter(d); }
  virtual bool expired() const = 0;  // the deadline passed
  // Bytes that have come from the peer or arrived there, about: what it grows by tells how fast the peer is.
  virtual std::int64_t Progress() const { return 0; }
  // The peer has ended its side, or is gone altogether; what it sent before may still be unread.
  virtual bool PeerClosed() const { return false; }
  // Neither bytes nor an end have come from the peer that nobody has read yet.
  virtual bool silent() const { return true; }
  // Fails what is pending, unless it is done already and only its caller does not know yet.
  virtual void Interrupt() { Close(); }
  virtual void Close() = 0;
};

}  // namespace portcall::http
