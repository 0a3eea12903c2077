#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/gate.h"
#include "runtime/http/file_reader.h"
#include "runtime/http/message.h"
#include "runtime/http/tls.h"
#include "runtime/loops.h"

namespace portcall::http {

// Each comment says what happens beyond the limit.
struct ServerLimits {
  std::uint32_t head_bytes = 64 * 1024;                               // 431, and the connection closes
  std::uint32_t head_fields = 128;                                    // the same
  std::uint64_t body_bytes = 0;                                       // 0: no limit; else 413
  std::chrono::milliseconds head_timeout{std::chrono::seconds(60)};   // first byte of a head to its end: 408
  std::chrono::milliseconds idle_timeout{std::chrono::seconds(620)};  // between requests: closed
  std::chrono::milliseconds body_stall{std::chrono::minutes(5)};      // no byte of a body: 408; of a response: closed
  // Bytes a second. Of a request's body over `body_rate_window`, else 408; of a response over `body_stall`, else
  // closed.
  std::uint64_t body_min_rate = 128;
  std::chrono::milliseconds body_rate_window{std::chrono::seconds(60)};  // counts only time spent waiting for the peer
  // A new one takes the place of the one that has waited longest for a request or its head, and from which nothing has
  // come that is unread. While all are busy it waits, unless one address (which who comes by a Unix socket has not) has
  // more than a quarter of all: then those of that address end, slowest first, that have moved fewer than
  // `crowd_min_rate` bytes a second over `crowd_window`, in which they waited for the peer alone.
  std::uint32_t connections = 10'000;
  std::uint64_t crowd_min_rate = 4096;
  std::chrono::milliseconds crowd_window{std::chrono::seconds(10)};
  // While `ServerOptions::memory` is short, who holds some of it must move at that rate as well, and so fast that as
  // much as it holds would take no longer than this: else its body ends with 408, and its answer is cut.
  std::chrono::milliseconds memory_hold{std::chrono::seconds(60)};
};

// What a finished exchange looked like, for access logs and metrics. Called on the connection's loop.
struct Exchange {
  enum class End : std::uint8_t {
    kSent,          // the whole response
    kPeerGone,      // the client closed the connection before
    kStalled,       // the client took nothing, or too little, for ServerLimits::body_stall
    kGaveRoom,      // the client was slow, and others needed its place, or the memory that its answer took
    kSourceFailed,  // the content of the body could not be read
  };
  const Request& request;
  const Response& response;
  std::uint64_t written;              // body bytes sent
  std::uint64_t read;                 // body bytes received
  std::chrono::nanoseconds duration;  // from the head to the last byte sent
  std::string_view protocol = "HTTP/1.1";
  End end = End::kSent;

  // What to show: the response's, or that it was cut: 499 by the client, 500 by us.
  int status() const;
};

// What happened at the door and became no exchange. Called on one of the server's loops; the texts live as long as the
// call.
struct Incident {
  enum class Kind : std::uint8_t {
    kBadHead,        // malformed or too large, answered with `status`
    kSlowHead,       // likewise, 408
    kHandshake,      // of TLS, failed
    kCertificate,    // the client's was refused, or it showed none
    kCrowded,        // at the limit: this one made room for a new one
    kMemory,         // ServerOptions::memory is short: this one gave up what it held; 408: it was sending its body
    kNoDescriptors,  // accepting failed; there is no peer
  };
  Kind kind;
  std::string_view peer, peer_ip;
  int status = 0;  // 0: there was no answer
  std::string_view what;
};

struct ServerOptions {
  // "host:port", ":port", "[::1]:port"; `localhost` binds both families; port 0: any.
  std::string addr;
  // Instead of `addr`: a Unix socket for this user and root, as unix_socket.h makes it, which goes when the server is
  // drained.
  std::filesystem::path unix_path;
  TlsContext tls;  // null: plain
  ServerLimits limits;
  Handler handler;
  FileLane files;  // its pool outlives the server
  // What handlers count bodies and answers against, by Request::memory; outlives the server. Null: nobody counts.
  runtime::MemoryBudget* memory = nullptr;
  std::function<void(const Exchange&)> on_exchange;
  std::function<void(std::string_view what)> on_bug;  // an exception left the handler, or ended a connection
  std::function<void(const Incident&)> on_incident;
};

// An HTTP/1.1 server: accepts on one loop, serves each connection on one of `loops`, round robin. Keep-alive,
// pipelining in order, chunked and counted bodies, `Expect: 100-continue`, HEAD, sendfile for files on plain TCP.
// Malformed heads get 400, TLS on a plain port gets 400 in plain text, as Go does. ALPN selects http/1.1. Methods: the
// owner's thread, unless they say otherwise.
class Server {
 public:
  // Takes the addresses. Until Open, who connects waits, and is reset if this goes before.
  // kInvalid names the address and what is wrong (in use, not ours, no such host).
  static Result<std::unique_ptr<Server>> Listen(ServerOptions options, std::vector<runtime::Loop*> loops);
  void Open();  // accepts from now on; once, and not after Drain
  ~Server();    // closes everything at once; Drain first for a clean end

  std::vector<std::string> addresses() const;  // what was bound, with the real port
  std::uint16_t port() const;                  // 0: a Unix socket
  void SetTls(TlsContext tls);                 // for connections accepted from now on
  std::size_t connections() const;             // from any thread

  // Stops accepting, closes idle connections, lets busy ones finish their exchange for at most `patience`, then
  // closes them. Blocks the calling thread, which must not be one of the loops.
  void Drain(std::chrono::milliseconds patience);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::http
