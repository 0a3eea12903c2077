#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/http/message.h"
#include "runtime/http/resolver.h"
#include "runtime/http/tls.h"
#include "runtime/http/url.h"

namespace portcall::http {

// A request as bytes that the caller keeps alive until the answer: `head` is the request line and the fields, each
// ended by CRLF, without Content-Length and without the blank line.
struct Outgoing {
  std::string_view head;
  std::string_view body;
  bool resend_on_stale = true;  // send once more, on a new connection, when a reused one dies unanswered
  bool* begun = nullptr;        // set to true before the first byte leaves: a failure with it unset sent nothing
  // A 2xx is returned as soon as its head is there, with what has come of its body by then.
  bool head_suffices = false;
  // A 2xx counts from its head on, though its body is cut or comes too late; see Incoming::cut.
  bool cut_counts = false;
};

struct Incoming {
  int status = 0;
  std::string reason;       // as sent
  std::string retry_after;  // the field, or empty
  std::string location;     // the field, or empty
  // RateLimit-Remaining and RateLimit-Reset, or the same with X- in front; as sent, or empty.
  std::string rate_remaining, rate_reset;
  std::string body;     // at most ClientOptions::keep_body bytes; what came of it
  bool cut = false;     // the body ended before its end, or came too late
  bool resent = false;  // it was sent a second time, see resend_on_stale
};

struct ClientOptions {
  Url url;                           // origin: scheme, host, port
  TlsContext tls;                    // required for https
  std::optional<Url> proxy;          // see ProxyFor
  std::size_t keep_body = 4096;      // bytes of an answer's body that are kept
  std::size_t max_body = 64 * 1024;  // an answer beyond it ends the connection; its status still counts
  std::size_t max_head = 32 * 1024;
  std::size_t max_idle = 32;  // connections kept for reuse
  std::chrono::milliseconds idle_timeout{std::chrono::seconds(90)};
};

// A pool of HTTP/1.1 connections to one origin, straight or by a proxy, on one loop. Never follows a redirect. Not
// limited in width: the caller bounds how many Sends are under way. Close() ends idle connections at once and the
// others after their answer; the client must outlive its Sends.
class Client {
 public:
  Client(const Executor& executor, Resolver& resolver, ClientOptions options);
  ~Client();

  // One exchange; everything from the lookup to the last byte of the answer within `timeout`. kTimeout says in which
  // step; kUnavailable: refused, reset, no such host, TLS; kInvalid: not HTTP; kInternal: a bug of ours, which has
  // ended the connection. Errors name the host, never a header. Once the head of an answer is there it counts, whatever
  // becomes of the body; but for a 2xx with neither head_suffices nor cut_counts.
  Task<Result<Incoming>> Send(Outgoing request, std::chrono::milliseconds timeout);

  // Opens a connection to see whether that works, and closes it. Fails as Send does.
  Task<Result<void>> Connect(std::chrono::milliseconds timeout);

  void Close();  // for reload: idle connections go, later Sends open new ones
  // Closes every connection now, so that pending Sends fail; one that has not begun to wait yet may go on.
  void Interrupt();
  void Abort();  // for shutdown: as Interrupt(), and later Sends fail too
  std::size_t idle() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::http
