#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "runtime/http/message.h"
#include "runtime/http/stream.h"
#include "runtime/http/tls.h"
#include "runtime/result.h"

namespace portcall::http {

// Of TCP, or of Unix sockets.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

std::string Shown(const asio::ip::tcp::endpoint& endpoint);  // ip:port, v6 in brackets

// Who is at the other end of a connected socket, as Request shows it; nothing: who it was has gone already.
struct Peer {
  std::string text, ip;
  std::optional<LocalPeer> local;
};
std::optional<Peer> PeerOf(Socket& socket);

// A connected socket as a stream; TCP_NODELAY is set.
std::unique_ptr<ByteStream> PlainStream(Socket socket);

// The server's side of TLS before its handshake: call Handshake() first. A client that speaks plain HTTP is told so in
// plain text, and the handshake fails.
std::unique_ptr<ByteStream> TlsServerStream(Socket socket, TlsContext tls);

// Whether a handshake failed for the peer's certificate: it was refused, or there was none.
bool IsCertificateError(const error_code& ec);

// The server's side of a TLS handshake. kTimeout, kUnavailable with OpenSSL's reason.
Task<Result<std::unique_ptr<ByteStream>>> AcceptTls(Socket socket, TlsContext tls, std::chrono::milliseconds patience);

}  // namespace portcall::http
