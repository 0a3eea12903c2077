#pragma once

#include <string>
#include <vector>

#include "runtime/http/resolver.h"
#include "runtime/http/sockets.h"

namespace portcall::http {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

// Listens on what `addr` means, as Go reads it: "host:port"; ":port", "0.0.0.0:port" and "[::]:port" for every address
// of both families. Of a name it is the first IPv4 address, else the first; but `localhost` is both loopbacks, on one
// port. kInvalid names the address, what is wrong and what to do. Blocks when it looks up a name.
Result<std::vector<TcpAcceptor>> Bind(const Executor& executor, const std::string& addr,
                                      const Resolver::LookUp& look_up = Resolver::AskSystem);
// Where that would be, as the kernel sees it: fails as Bind does, but for the port, which may be taken.
Result<std::vector<asio::ip::tcp::endpoint>> EndpointsOf(const std::string& addr);
// Whether one process cannot listen at both.
bool Collide(const std::vector<asio::ip::tcp::endpoint>& some, const std::vector<asio::ip::tcp::endpoint>& others);

}  // namespace portcall::http
