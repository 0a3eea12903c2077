#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <string>

#include "runtime/http/request_body.h"
#include "runtime/http/response_head.h"
#include "runtime/http/sockets.h"

namespace portcall::http {

// One accepted connection, on one loop: heads, handler, responses, in order, until either side has had enough.
class Connection : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // `options` must outlive the connection; `open` is counted down at its end.
  Connection(const ServerOptions& options, TcpSocket socket, const asio::ip::tcp::endpoint& peer, TlsContext tls,
             std::atomic<std::uint32_t>& open);
  ~Connection();

  // Serves until the end; the connection is destroyed with the task.
  static Task<> Run(std::unique_ptr<Connection> self);

  // Ends now when no request is under way, otherwise after the response.
  void Drain();
  // Ends now; a handler that runs still ends by itself.
  void Close() { stream_->Close(); }

 private:
  Task<> Serve();
  Task<bool> ReadHead();
  Task<bool> Exchange();
  Task<Response> Handle();
  Task<> SettleBody(Response& response);
  Task<bool> Send(const Response& response, const HeadStyle& style);
  Task<bool> SendBytes(std::string_view bytes);
  Task<bool> SendFile(const FileRange& file);
  Task<bool> SendStream(const StreamRange& stream);
  Task<bool> Write(std::span<const asio::const_buffer> buffers);
  Task<bool> Refuse(int status, std::string_view why);
  void StartRequest();

  const ServerOptions& options_;
  std::atomic<std::uint32_t>& open_;
  std::unique_ptr<ByteStream> stream_;
  InputBuffer input_;
  RequestParser parser_;
  RequestBody body_;
  Request request_;
  std::string out_;            // the head being sent, with a small body behind it
  std::uint64_t written_ = 0;  // bytes of the current response's body
  bool idle_ = true;           // no byte of the next request has come
  bool draining_ = false;
};

}  // namespace portcall::http
