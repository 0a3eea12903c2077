#include "runtime/http/client_connection.h"

#include <array>
#include <boost/asio/error.hpp>
#include <charconv>
#include <cstring>

#include "runtime/http/proxy.h"
#include "runtime/http/socks.h"
#include "runtime/version.h"

namespace portcall::http {
namespace {

using SteadyClock = std::chrono::steady_clock;

// "Content-Length: N", and the end of the head.
class LengthLine {
 public:
  explicit LengthLine(std::size_t length) {
    constexpr std::string_view kName = "Content-Length: ", kEnd = "\r\n\r\n";
    char* at = std::copy(kName.begin(), kName.end(), text_.begin());
    at = std::to_chars(at, text_.end(), length).ptr;
    size_ = static_cast<std::size_t>(std::copy(kEnd.begin(), kEnd.end(), at) - text_.begin());
  }
  asio::const_buffer bytes() const { return asio::buffer(text_.data(), size_); }

 private:
  std::array<char, 48> text_;
  std::size_t size_;
};

std::string ProxyField(const Url& proxy) {
  const std::string authorization = ProxyAuthorization(proxy);
  return authorization.empty() ? "" : "Proxy-Authorization: " + authorization + "\r\n";
}

// As the target of CONNECT, which always has a port (RFC 9110 §9.3.6).
std::string HostAndPort(const Url& url) {
  std::string text = url.host_header();
  if (!text.ends_with(":" + std::to_string(url.port))) text += ":" + std::to_string(url.port);
  return text;
}

// Every stream on a socket is a SocketStream, which can also connect.
std::unique_ptr<SocketStream> PlainClientStream(const Executor& executor) {
  return std::unique_ptr<SocketStream>(static_cast<SocketStream*>(PlainStream(Socket(executor)).release()));
}

}  // namespace

ClientConnection::ClientConnection(const ClientOptions& options, std::uint64_t generation)
    : options_(options),
      generation_(generation),
      authority_(forwarded() ? "http://" + options.url.host_header() : ""),
      proxy_field_(options.proxy ? ProxyField(*options.proxy) : ""),
      reader_(options) {}

void ClientConnection::Abort() {
  aborted_ = true;
  if (stream_) stream_->Close();
}

Error ClientConnection::TimedOut(const char* step) const {
  return {Errc::kTimeout, options_.url.host_header() + ": " + step + " took too long"};
}

Error ClientConnection::Broken(const char* step, error_code ec) const {
  if (aborted_) return {Errc::kCancelled, options_.url.host_header() + ": the client was shut down"};
  const std::string reason =
      ec == asio::error::eof ? std::string("the other side closed the connection") : ec.message();
  return {Errc::kUnavailable, options_.url.host_header() + ": " + step + ": " + reason};
}

Task<std::optional<Error>> ClientConnection::Open(Executor executor, asio::ip::tcp::endpoint to,
                                                  runtime::SteadyTime deadline) {
  const Url& url = options_.url;
  std::unique_ptr<SocketStream> stream =
      url.tls() ? TlsClientStream(Socket(executor), options_.tls, url.host) : PlainClientStream(executor);
  SocketStream& socket = *stream;
  stream_ = std::move(stream);
  socket.ExpiresAfter(deadline - SteadyClock::now());
  const IoResult connected = co_await socket.Connect(to);
  const std::string where = (options_.proxy ? "connecting to the proxy " : "connecting to ") + to.address().to_string();
  if (socket.expired()) co_return TimedOut(where.c_str());
  if (connected.ec) co_return Broken(where.c_str(), connected.ec);
  if (options_.proxy && !forwarded()) {
    const bool socks = options_.proxy->scheme == "socks5";
    std::optional<Error> failed = socks ? co_await AskSocks(socket) : co_await OpenTunnel(socket);
    if (failed) co_return failed;
  }
  if (!url.tls()) co_return std::nullopt;
  const IoResult shaken = co_await socket.Handshake();
  if (socket.expired()) co_return TimedOut("the TLS handshake");
  if (shaken.ec) co_return Broken("the TLS handshake", shaken.ec);
  co_return std::nullopt;
}

// Everything up to the handshake goes over the socket itself. The other end of the tunnel speaks after us, so what
// comes behind the proxy's head would be nobody's.
Task<std::optional<Error>> ClientConnection::OpenTunnel(SocketStream& socket) {
  const std::string to = HostAndPort(options_.url);
  const std::string head = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to +
                           "\r\nUser-Agent: " + std::string(runtime::kUserAgent) + "\r\n" + proxy_field_ + "\r\n";
  const std::string step = "asking the proxy " + options_.proxy->host_header() + " for a tunnel";
  const IoResult sent = co_await socket.WriteSocket(asio::buffer(head));
  reader_.Start();
  while (!sent.ec && !reader_.headed()) {
    const IoResult got = co_await socket.ReadSocket(reader_.Space());
    if (socket.expired()) co_return TimedOut(step.c_str());
    if (got.ec) co_return Broken(step.c_str(), got.ec);
    if (reader_.Got(got.n) == ResponseReader::Progress::kInvalid) {
      co_return Error(Errc::kInvalid, options_.url.host_header() + ": " + step + ": " + reader_.problem());
    }
  }
  if (socket.expired()) co_return TimedOut(step.c_str());
  if (sent.ec) co_return Broken(step.c_str(), sent.ec);
  if (reader_.status() / 100 == 2 && reader_.answer().body.empty()) co_return std::nullopt;
  const std::string status = std::to_string(reader_.status()) + " " + std::string(ReasonOf(reader_.status()));
  co_return Refused(step, "it answers " + status);
}

Error ClientConnection::Refused(const std::string& step, const std::string& why) const {
  return {Errc::kUnavailable, options_.url.host_header() + ": " + step + ": " + why};
}

// Appends exactly so many bytes: what comes behind them belongs to the tunnel.
Task<IoResult> ClientConnection::Receive(SocketStream& socket, std::string& into, std::size_t bytes) {
  const std::size_t before = into.size();
  into.resize(before + bytes);
  IoResult all;
  while (!all.ec && all.n < bytes) {
    const IoResult got = co_await socket.ReadSocket(asio::buffer(into.data() + before + all.n, bytes - all.n));
    all = {got.ec, all.n + got.n};
  }
  co_return all;
}

Task<std::optional<Error>> ClientConnection::AskSocks(SocketStream& socket) {
  const std::string step = "asking the proxy " + options_.proxy->host_header() + " for a connection";
  const std::string& userinfo = options_.proxy->userinfo;
  const auto failed = [&](error_code ec) {
    return socket.expired() ? TimedOut(step.c_str()) : Broken(step.c_str(), ec);
  };
  const std::string greeting = SocksGreeting(!userinfo.empty());
  std::string answer;
  if (const IoResult sent = co_await socket.WriteSocket(asio::buffer(greeting)); sent.ec) co_return failed(sent.ec);
  if (const IoResult got = co_await Receive(socket, answer, kSocksMethod); got.ec) co_return failed(got.ec);
  const SocksMethod method = MethodOf(answer);
  if (method == SocksMethod::kRefused || (method == SocksMethod::kPassword && userinfo.empty())) {
    co_return Refused(step, answer[0] == 5 ? "it wants another login" : "the answer is not SOCKS 5");
  }
  if (method == SocksMethod::kPassword) {
    const std::string login = SocksLogin(userinfo);
    answer.clear();
    if (const IoResult sent = co_await socket.WriteSocket(asio::buffer(login)); sent.ec) co_return failed(sent.ec);
    if (const IoResult got = co_await Receive(socket, answer, kSocksMethod); got.ec) co_return failed(got.ec);
    if (answer[1] != 0) co_return Refused(step, "user or password is wrong");
  }
  const std::string request = SocksConnect(options_.url.host, options_.url.port);
  answer.clear();
  if (const IoResult sent = co_await socket.WriteSocket(asio::buffer(request)); sent.ec) co_return failed(sent.ec);
  if (const IoResult got = co_await Receive(socket, answer, kSocksReply); got.ec) co_return failed(got.ec);
  if (const std::string why = SocksRefusal(answer); !why.empty()) co_return Refused(step, why);
  for (std::size_t left = SocksAddressBytes(answer); answer.size() < kSocksReply + left;
       left = SocksAddressBytes(answer)) {
    const std::size_t more = kSocksReply + left - answer.size();
    if (const IoResult got = co_await Receive(socket, answer, more); got.ec) co_return failed(got.ec);
  }
  co_return std::nullopt;
}

Task<std::optional<Error>> ClientConnection::Exchange(const Outgoing& request, runtime::SteadyTime deadline) {
  whole_ = reusable_ = broken_ = false;
  reader_.Start();
  stream_->ExpiresAfter(deadline - SteadyClock::now());
  const LengthLine length(request.body.size());
  // A proxy that forwards gets the target in absolute form (RFC 9112 §3.2.2).
  const std::size_t method = authority_.empty() ? 0 : request.head.find(' ') + 1;
  const std::array<asio::const_buffer, 6> parts{asio::buffer(request.head.substr(0, method)),
                                                asio::buffer(authority_),
                                                asio::buffer(request.head.substr(method)),
                                                asio::buffer(authority_.empty() ? std::string_view() : proxy_field_),
                                                length.bytes(),
                                                asio::buffer(request.body)};
  const IoResult sent = co_await stream_->Write(parts);
  if (stream_->expired()) co_return TimedOut("sending the request");

  // A server may refuse a request before it has read it all; so after a failed write an answer may still come.
  std::optional<Error> failed = co_await ReadAnswer(request.head_suffices);
  broken_ = failed || sent.ec;
  if (failed && sent.ec && failed->code == Errc::kUnavailable) co_return Broken("sending the request", sent.ec);
  // What is wrong with the body of an answer that counts does not matter, but the connection ends.
  if (!failed) co_return std::nullopt;
  if (!Counts(request)) co_return failed;
  answer().cut = true;
  co_return std::nullopt;
}

// What was done for the request is not undone when we end the exchange in the midst of a body.
bool ClientConnection::Counts(const Outgoing& request) const {
  if (!reader_.headed()) return false;
  const bool success = reader_.status() >= 200 && reader_.status() < 300;
  if (success && request.cut_counts) return true;
  return !aborted_ && (!success || request.head_suffices);
}

Task<std::optional<Error>> ClientConnection::ReadAnswer(bool head_suffices) {
  while (true) {
    const IoResult got = co_await stream_->Read(reader_.Space());
    const char* step = reader_.started() ? "reading the answer" : "waiting for the answer";
    if (got.ec && stream_->expired()) co_return TimedOut(step);
    if (got.ec && got.ec != asio::error::eof) co_return Broken(step, got.ec);
    const ResponseReader::Progress progress = got.ec ? reader_.End() : reader_.Got(got.n);
    if (progress == ResponseReader::Progress::kDone) break;
    if (progress == ResponseReader::Progress::kInvalid) {
      co_return Error(Errc::kInvalid, options_.url.host_header() + ": " + reader_.problem());
    }
    if (got.ec) co_return Broken(step, got.ec);
    if (head_suffices && reader_.headed() && reader_.status() < 300) co_return std::nullopt;
  }
  whole_ = true;
  reusable_ = reader_.reusable();
  co_return std::nullopt;
}

Task<bool> ClientConnection::ReadRest(runtime::SteadyTime deadline) {
  stream_->ExpiresAfter(deadline - SteadyClock::now());
  const std::optional<Error> failed = co_await ReadAnswer(/*head_suffices=*/false);
  broken_ = failed.has_value();
  co_return reusable();
}

}  // namespace portcall::http
