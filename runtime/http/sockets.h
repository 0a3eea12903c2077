#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "runtime/http/stream.h"
#include "runtime/http/tls.h"
#include "runtime/result.h"

namespace portcall::http {

using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

std::string Shown(const asio::ip::tcp::endpoint& endpoint);  // ip:port, v6 in brackets

// A connected socket as a stream; TCP_NODELAY is set.
std::unique_ptr<ByteStream> PlainStream(TcpSocket socket);

// The server's side of TLS before its handshake: call Handshake() first. A client that speaks plain HTTP is told so in
// plain text, and the handshake fails.
std::unique_ptr<ByteStream> TlsServerStream(TcpSocket socket, TlsContext tls);

// Whether a handshake failed for the peer's certificate: it was refused, or there was none.
bool IsCertificateError(const error_code& ec);

// The server's side of a TLS handshake. kTimeout, kUnavailable with OpenSSL's reason.
Task<Result<std::unique_ptr<ByteStream>>> AcceptTls(TcpSocket socket, TlsContext tls,
                                                    std::chrono::milliseconds patience);

}  // namespace portcall::http
