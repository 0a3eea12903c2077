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
  // One exchange; nothing when it succeeded, and then answer() is there: whole, or as Outgoing::head_suffices has it.
  // `request` lives in the caller's frame.
  Task<std::optional<Error>> Exchange(const Outgoing& request, runtime::SteadyTime deadline);

  // Reads what is left of the last answer's body; false when this connection cannot carry another request.
  Task<bool> ReadRest(runtime::SteadyTime deadline);

  Incoming& answer() { return reader_.answer(); }
  bool answered() const { return reader_.started(); }  // at least in part
  bool reusable() const { return reusable_ && !broken_; }
  bool whole() const { return whole_; }  // the last answer has been read to its end
  // The rest of it is to come, and another request may follow it.
  bool promising() const { return !over() && !whole_ && reader_.keeps_alive(); }
  bool over() const { return broken_ || stream_->expired(); }
  std::uint64_t generation() const { return generation_; }

  void Rest(std::chrono::milliseconds idle_timeout) { stream_->ExpiresAfter(idle_timeout); }
  // May carry another request. Bytes that came after the last answer are no answer to the next request, so a connection
  // with some is not used again, nor is one that the server has closed.
  bool fresh() const { return !stream_->expired() && stream_->silent(); }
  void Abort();  // what is pending fails

 private:
  Error TimedOut(const char* step) const;
  Error Broken(const char* step, error_code ec) const;
  Task<std::optional<Error>> OpenTunnel(SocketStream& socket);
  Task<std::optional<Error>> AskSocks(SocketStream& socket);
  Task<IoResult> Receive(SocketStream& socket, std::string& into, std::size_t bytes);
  Error Refused(const std::string& step, const std::string& why) const;
  bool forwarded() const { return options_.proxy && options_.proxy->scheme == "http" && !options_.url.tls(); }
  Task<std::optional<Error>> ReadAnswer(bool head_suffices);
  bool Counts(const Outgoing& request) const;

  const ClientOptions& options_;
  const std::uint64_t generation_;
  const std::string authority_;    // before the target of a request that a proxy forwards; empty: none does
  const std::string proxy_field_;  // of each such request; empty: none
  std::unique_ptr<SocketStream> stream_;
  ResponseReader reader_;
  bool whole_ = false, broken_ = false;
  bool reusable_ = false;
  bool aborted_ = false;
};

}  // namespace portcall::http
