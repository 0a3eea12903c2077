#pragma once

#include <algorithm>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/http/peer_rate.h"
#include "runtime/http/peer_watch.h"
#include "runtime/http/request_body.h"
#include "runtime/http/response_head.h"
#include "runtime/http/sockets.h"

namespace portcall::http {

class Connection;

// The connections of one loop, touched on that loop only.
struct Connections {
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  using List = boost::intrusive::list<Connection, boost::intrusive::base_hook<Hook>,
                                      boost::intrusive::constant_time_size<false>>;
  List waiting;  // for a handshake, a request or the rest of its head; longest first
  List busy;
};

// One accepted connection, on one loop: heads, handler, responses, in order, until either side has had enough.
class Connection : public Connections::Hook {
 public:
  using Clock = std::chrono::steady_clock;

  // `options` and `all`, where it stands as what it is, must outlive the connection; `open` is counted down at its end.
  Connection(const ServerOptions& options, Socket socket, Peer peer, TlsContext tls, Connections& all,
             std::atomic<std::uint32_t>& open);
  ~Connection();

  // Serves until the end; the connection is destroyed with the task.
  static Task<> Run(std::unique_ptr<Connection> self);

  // Ends now when no request is under way, otherwise after the response.
  void Drain();
  // Ends now; a handler that runs ends by itself, and is told that nobody waits for it.
  void Close();
  // Nothing has come from the peer that is still unread.
  bool silent() const { return stream_->silent(); }
  // Ends, because a new connection needs its place, unless a request has been read just now.
  void LeaveIfSilent();
  // Close, because a new connection needs the place.
  void MakeRoom(std::string_view why);

  // While all places are taken, or memory is short: at how fast its peer is.
  void Look(Clock::time_point now);
  std::optional<double> rate() const { return rate_.rate(); }
  // Bytes that count in ServerOptions::memory, also those that others send, too.
  std::uint64_t holds() const { return std::max(memory_.counted(), sending_ ? sends_counted_ : 0); }
  // Ends the exchange, because others need what it holds: a body that is awaited with 408, an answer at once.
  void GiveMemory();
  const std::string& address() const { return request_.peer_ip; }

 private:
  Task<> Serve();
  Task<bool> ReadHead();
  Task<bool> Exchange();
  Task<Response> Handle();
  Task<> SettleBody(Response& response);
  Task<bool> Send(const Response& response, const HeadStyle& style);
  Task<bool> SendBytes(std::string_view bytes);
  Task<bool> ReadFile(const FileRange& part, std::string& out);
  Task<Result<std::size_t>> ReadPart(int fd, std::uint64_t offset, std::span<char> into);
  Task<bool> SendFile(const FileRange& file);
  Task<bool> SendStream(const StreamRange& stream);
  Task<bool> Write(std::span<const asio::const_buffer> buffers);
  Task<bool> Refuse(int status, std::string_view why);
  void StartRequest();
  void MoveTo(Connections::List& list);
  http::Exchange::End WhyUnsent() const;
  void Tell(Incident::Kind kind, int status, std::string_view what) const;
  void TellOfLeaving() const;
  void EndWait();

  const ServerOptions& options_;
  Connections& all_;
  std::atomic<std::uint32_t>& open_;
  asio::io_context& context_;
  std::unique_ptr<ByteStream> stream_;
  PeerWatch watch_;
  InputBuffer input_;
  RequestParser parser_;
  RequestBody body_;
  FileReader files_;
  runtime::MemoryShare memory_;  // of the current exchange
  Request request_;
  std::string out_;                  // the head being sent, with a small body behind it
  std::uint64_t written_ = 0;        // bytes of the current response's body
  http::Exchange::End end_{};        // of the current response
  bool sending_ = false;             // waits for the peer to take more
  std::uint64_t sends_counted_ = 0;  // bytes of the answer that count
  bool gave_room_ = false, leaving_ = false, shaken_ = false;
  bool idle_ = true;  // no byte of the next request has come
  bool draining_ = false;
  PeerRate rate_;
};

}  // namespace portcall::http
