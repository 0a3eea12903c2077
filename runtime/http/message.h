#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/byte_source.h"
#include "runtime/clock.h"
#include "runtime/memory_budget.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "runtime/text.h"

namespace portcall::http {

// Header fields in the order of the wire; names compare without case.
class Fields {
 public:
  struct Field {
    std::string name, value;
  };
  void Add(std::string name, std::string value) {
    if (fields_.empty()) fields_.reserve(kUsual);
    fields_.push_back({std::move(name), std::move(value)});
  }
  void Set(std::string_view name, std::string value);  // replaces every field of that name
  // The first value, or empty. Valid until the fields change.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  std::vector<std::string_view> All(std::string_view name) const;
  const std::vector<Field>& all() const { return fields_; }

 private:
  static constexpr std::size_t kUsual = 8;  // how many a message has, so that few allocations make room for them
  std::vector<Field> fields_;
};

using runtime::EqualsIgnoreCase;        // names of fields, and most of their words
bool IsToken(std::string_view text);    // what a name may be (RFC 9110 §5.6.2)
bool IsFraming(std::string_view name);  // of a field that each request and answer says for itself, such as Host

// A request's body. What a handler leaves unread is drained (up to a bound) or the connection is closed after the
// response. Read sends `100 Continue` first where the client waits for it, and fails with kInvalid (malformed or cut
// short), kTimeout (the peer stalled) or kTooLarge (beyond the server's limit). After a failure the connection ends,
// and the answer of a handler that met it, unless it is a 4xx, is replaced by the server's own 400, 408 or 413.
// length() is Content-Length where the client named one (0 when there is no body), and none for chunked.
using Body = runtime::ByteSource;

// The whole body, or kTooLarge as soon as it is known to pass `limit` bytes. `share` grows with it; where the budget
// has no room, it waits for some for two seconds, and is then kUnavailable. On the body's loop.
Task<Result<std::string>> ReadAll(Body& body, std::size_t limit, runtime::MemoryShare* share = nullptr);

// Who waits for an answer. On the request's loop.
class Asker {
 public:
  virtual ~Asker() = default;
  // Is asked to stop, on that loop, once nobody waits any more: the client has closed its side, which is looked at
  // several times a second from now on, or the server ends the connection.
  virtual std::stop_token Gone() = 0;
};

// The process at the other end of a Unix socket, as the kernel knew it when it connected.
struct LocalPeer {
  std::uint32_t uid = 0, gid = 0;
  std::int32_t pid = 0;
};

struct Request {
  std::string method;  // as sent; methods are case-sensitive
  std::string target;  // origin form: path, then ?query
  Fields fields;
  std::string peer;     // "ip:port" of the TCP peer, v6 in brackets; of a Unix socket's "unix:uid=UID,pid=PID"
  std::string peer_ip;  // without the port; v4-mapped addresses as v4; empty: it came by a Unix socket
  std::optional<LocalPeer> local;  // of a Unix socket
  bool tls = false;
  std::string tls_subject;  // of the client's verified certificate, RFC 2253; empty: it showed none
  std::string id;           // UUID made by the server for this request
  runtime::WallTime received{};
  Body* body = nullptr;  // lives as long as the request; never null in a handler
  // What this exchange holds of ServerOptions::memory, until its answer is sent; null: nobody counts.
  runtime::MemoryShare* memory = nullptr;
  Asker* asker = nullptr;  // lives as long as the request; null: it cannot be told
  std::stop_token Gone() const { return asker == nullptr ? std::stop_token() : asker->Gone(); }
  std::any context;  // whatever a handler leaves for on_exchange; empty before, and the server never looks

  std::string_view path() const;
  std::string_view query() const;  // without the '?'
};

// A part of an open file, sent with sendfile(2) on plain TCP. `keep` owns the descriptor.
struct FileRange {
  std::shared_ptr<const void> keep;
  int fd = -1;
  std::uint64_t offset = 0, length = 0;
};

// A part of something that is read piece by piece while it is sent. `read` fills `into` with 1..size bytes from
// `offset` on; 0 or an error ends the connection, because the length was promised.
struct StreamRange {
  std::function<Task<Result<std::size_t>>(std::uint64_t offset, std::span<char> into)> read;
  std::uint64_t offset = 0, length = 0;
};

struct Response {
  int status = 200;
  Fields fields;  // without Date, Connection, Content-Length, Transfer-Encoding: those are the server's
  std::variant<std::string, std::shared_ptr<const std::string>, FileRange, StreamRange> body;
  // For HEAD: the length that a GET would have. Otherwise it follows from the body.
  std::optional<std::uint64_t> head_length;
  bool close = false;  // end the connection after this response

  std::uint64_t body_size() const;
};

// Serves one request; runs on the connection's loop. An exception is a bug: answered with 500, logged, counted.
using Handler = std::function<Task<Response>(Request& request)>;

std::string_view ReasonOf(int status);

}  // namespace portcall::http
