#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/clock.h"
#include "runtime/http/client.h"
#include "runtime/http/response_reader.h"
#include "runtime/http/socket_stream.h"

namespace portcall::http {

// One connection to the client's origin: what is sent and received on it, under a deadline that covers everything. Its
// destructor unlinks it from the list that it is in.
class ClientConnection
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  ClientConnection(const ClientOptions& options, std::uint64_t generation);

  // Connects, and shakes hands over TLS, before `deadline`.
  Task<std::optional<Error>> Open(Executor executor, asio::ip::tcp::endpoint to, runtime::SteadyTime deadline);
  // One exchange; nothing when it succeeded, and then answer() is whole. `request` lives in the caller's frame.
  Task<std::optional<Error>> Exchange(const Outgoing& request, runtime::SteadyTime deadline);

  Incoming& answer() { return reader_.answer(); }
  bool answered() const { return reader_.started(); }  // at least in part
  bool reusable() const { return reusable_; }
  std::uint64_t generation() const { return generation_; }

  void Rest(std::chrono::milliseconds idle_timeout) { stream_->ExpiresAfter(idle_timeout); }
  // May carry another request. Bytes that came after the last answer are no answer to the next request, so a connection
  // with some is not used again, nor is one that the server has closed.
  bool fresh() const { return !stream_->expired() && stream_->silent(); }
  void Abort();  // what is pending fails

 private:
  Error TimedOut(const char* step) const;
  Error Broken(const char* step, error_code ec) const;
  Task<std::optional<Error>> ReadAnswer();

  const ClientOptions& options_;
  const std::uint64_t generation_;
  std::unique_ptr<SocketStream> stream_;
  ResponseReader reader_;
  bool reusable_ = false;
  bool aborted_ = false;
};

}  // namespace portcall::http
