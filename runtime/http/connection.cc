#include "runtime/http/connection.h"

#include <algorithm>
#include <exception>

#include "runtime/bytes.h"

namespace portcall::http {
namespace {

// A body up to this size is copied behind its head: cheaper than a second buffer, or than sendfile's second call.
constexpr std::size_t kCopied = 16UL * 1024;
// What is in memory, or sent by the kernel, goes out in pieces of this size.
constexpr std::size_t kPiece = 512UL * 1024;
constexpr std::size_t kStreamed = 64UL * 1024;  // read at a time for each response that passes through memory
// At most this much of an unread body is read and dropped to keep the connection; with more left it closes.
constexpr std::uint64_t kDrained = 256UL * 1024;
constexpr std::chrono::seconds kDrainPatience{5};
constexpr std::size_t kKeptText = 4096;
constexpr char kTlsHandshake = 0x16;

Response PlainText(int status, std::string_view text) {
  Response response;
  response.status = status;
  response.fields.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::string(text) + "\n";
  return response;
}

std::string_view Bytes(const Response& response) {
  if (const auto* own = std::get_if<0>(&response.body)) return *own;
  const auto* shared = std::get_if<1>(&response.body);
  return shared && *shared ? std::string_view(**shared) : std::string_view();
}

}  // namespace

Connection::Connection(const ServerOptions& options, Socket socket, Peer peer, TlsContext tls, Connections& all,
                       std::atomic<std::uint32_t>& open)
    : options_(options),
      all_(all),
      open_(open),
      context_(socket.get_executor().context()),
      stream_(tls ? TlsServerStream(std::move(socket), tls) : PlainStream(std::move(socket))),
      watch_(context_, *stream_),
      parser_(options.limits.head_bytes, options.limits.head_fields),
      body_(*stream_, input_, parser_, options.limits),
      files_(options.files),
      memory_(options.memory) {
  request_.peer = std::move(peer.text);
  request_.peer_ip = std::move(peer.ip);
  request_.local = peer.local;
  request_.tls = tls != nullptr;
  request_.body = &body_;
  request_.memory = &memory_;
  request_.asker = &watch_;
}

Connection::~Connection() { open_.fetch_sub(1, std::memory_order_relaxed); }

// A bug ends the connection that met it, and no other: what a peer sends must not be able to end the process.
Task<> Connection::Run(std::unique_ptr<Connection> self) {
  std::string what;
  try {
    co_return co_await self->Serve();
  } catch (const std::exception& e) {
    what = e.what();
  }
  if (self->options_.on_bug) self->options_.on_bug(what);
}

void Connection::Drain() {
  draining_ = true;
  if (idle_) EndWait();
}

void Connection::Close() {
  watch_.Tell();
  stream_->Close();
}

void Connection::LeaveIfSilent() {
  leaving_ = true;
  EndWait();
}

// A request may have been read just now, and its connection's turn to look at it not have come.
void Connection::EndWait() {
  if (shaken_) return stream_->Interrupt();
  stream_->Close();
}

void Connection::MakeRoom(std::string_view why) {
  Tell(Incident::Kind::kCrowded, 0, why);
  gave_room_ = true;
  Close();
}

void Connection::GiveMemory() {
  const bool sends_body = body_.receiving();
  Tell(Incident::Kind::kMemory, sends_body ? 408 : 0,
       sends_body ? "it sends its body too slowly, while others wait for what it holds of http.memory"
                  : "it takes its answer too slowly, while others wait for what it holds of http.memory");
  if (sends_body) return body_.Interrupt();
  gave_room_ = true;
  Close();
}

void Connection::Look(Clock::time_point now) {
  const bool waits = sending_ || body_.receiving();
  rate_.Look(now, waits, options_.limits.crowd_window, [this] { return stream_->Progress(); });
}

void Connection::TellOfLeaving() const {
  Tell(Incident::Kind::kCrowded, 0, "closed to make room for a new connection");
}

void Connection::MoveTo(Connections::List& list) {
  unlink();
  list.push_back(*this);
}

void Connection::Tell(Incident::Kind kind, int status, std::string_view what) const {
  if (options_.on_incident) options_.on_incident({kind, request_.peer, request_.peer_ip, status, what});
}

Task<> Connection::Serve() {
  all_.waiting.push_back(*this);
  stream_->ExpiresAfter(options_.limits.head_timeout);
  const IoResult shaken = co_await stream_->Handshake();
  if (shaken.ec) {
    if (leaving_) TellOfLeaving();
    // Who comes and goes without a word, such as a proxy's check whether the port is open, has not failed.
    const bool silent = shaken.ec == asio::error::eof || shaken.ec == asio::error::connection_reset ||
                        shaken.ec == asio::error::operation_aborted;
    if (!silent) {
      Tell(IsCertificateError(shaken.ec) ? Incident::Kind::kCertificate : Incident::Kind::kHandshake, 0,
           shaken.ec.message());
    }
    co_return;
  }
  shaken_ = true;
  request_.tls_subject = stream_->PeerSubject();
  while (co_await ReadHead()) {
    if (!co_await Exchange()) break;
  }
  co_await stream_->Shutdown();
}

void Connection::StartRequest() {
  // A connection that waits stays small, whatever the last request was.
  for (std::string* text : {&request_.method, &request_.target}) {
    text->clear();
    if (text->capacity() > kKeptText) std::string().swap(*text);
  }
  request_.fields = Fields();
  request_.context.reset();
  parser_.Start(request_);
}

// True when a whole head is there. Bytes received earlier are parsed before any are read.
Task<bool> Connection::ReadHead() {
  StartRequest();
  MoveTo(all_.waiting);
  idle_ = input_.empty();
  bool timed = false;
  while (true) {
    if (!input_.empty()) {
      if (input_.data().front() == kTlsHandshake && request_.method.empty() && !request_.tls) {
        co_return co_await Refuse(400, "Client sent a TLS handshake to an HTTP server.");
      }
      std::size_t used = 0;
      const RequestParser::Step step = parser_.ParseHead(input_.data(), used);
      input_.Consume(used);
      if (step == RequestParser::Step::kDone) co_return true;
      if (step == RequestParser::Step::kFault) co_return co_await Refuse(parser_.fault_status(), parser_.fault());
    }
    if (idle_) {
      if (draining_) co_return false;
      stream_->ExpiresAfter(options_.limits.idle_timeout);
    } else if (!timed) {
      timed = true;
      stream_->InterruptAfter(options_.limits.head_timeout);
    }
    const IoResult got = co_await stream_->Read(input_.Prepare(1024));
    // Also after a read that succeeded: it may have been done when the deadline came, which then interrupted nothing.
    if (!idle_ && stream_->expired()) co_return co_await Refuse(408, "The request's head took too long.");
    if (got.ec) {
      if (leaving_) TellOfLeaving();
      if (leaving_ || draining_) stream_->Close();
      co_return false;
    }
    input_.Commit(got.n);
    idle_ = leaving_ = false;
  }
}

// One request with its response; true when another may follow.
Task<bool> Connection::Exchange() {
  const Clock::time_point start = Clock::now();
  MoveTo(all_.busy);
  stream_->ExpiresNever();  // the peer must not pay for a slow handler; each read and write sets a new deadline
  idle_ = false;
  written_ = 0;
  end_ = {};
  rate_.Reset();
  request_.received = runtime::SystemClock().Now();
  request_.id = runtime::UuidV4();
  body_.Start();
  watch_.Start();

  Response response = co_await Handle();
  watch_.End();
  // What the handler had is gone; what it made may wait long for its reader.
  memory_.Shrink(Bytes(response).size());
  if (!body_.done() || body_.fault_status() != 0) co_await SettleBody(response);
  const HeadStyle style{.to_head = request_.method == "HEAD",
                        .http10 = parser_.http10(),
                        .keep_alive = parser_.keep_alive() && !response.close && !draining_};
  const bool sent = co_await Send(response, style);
  memory_.Release();
  if (options_.on_exchange) {
    options_.on_exchange({.request = request_,
                          .response = response,
                          .written = written_,
                          .read = body_.received(),
                          .duration = Clock::now() - start,
                          .protocol = style.http10 ? "HTTP/1.0" : "HTTP/1.1",
                          .end = end_});
  }
  if (!sent) stream_->Close();
  const bool goes_on = sent && style.keep_alive;
  co_return goes_on;
}

Task<Response> Connection::Handle() {
  if (body_.too_large()) co_return PlainText(413, "Request Entity Too Large");
  std::string what;
  try {
    co_return co_await options_.handler(request_);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "an unknown exception";
  }
  if (options_.on_bug) options_.on_bug(what);
  co_return PlainText(500, "Internal Server Error");
}

// The handler has left some of the body, or the body has failed: decides whether the connection can go on.
Task<> Connection::SettleBody(Response& response) {
  // The client sent the bad body, so an answer that does not say so, such as a 500, is replaced; but not one that was
  // made without the rest of the body, however that ends.
  const int fault = body_.fault_status();
  const bool worth_reading = !body_.awaits_continue() && body_.left() <= kDrained;
  if (fault == 0 && worth_reading && co_await body_.Drain(kDrained, kDrainPatience)) co_return;
  if (fault != 0 && (response.status < 400 || response.status >= 500)) response = PlainText(fault, ReasonOf(fault));
  response.close = true;
}

Task<bool> Connection::Send(const Response& response, const HeadStyle& style) {
  out_.clear();
  AppendHead(out_, response, style);
  const std::size_t head = out_.size();
  const std::uint64_t size = HasBody(response, style.to_head) ? response.body_size() : 0;
  const auto* file = std::get_if<FileRange>(&response.body);
  const auto* stream = std::get_if<StreamRange>(&response.body);
  std::string_view rest;
  const std::size_t in_memory = Bytes(response).size();
  sends_counted_ = options_.memory != nullptr && in_memory > runtime::MemoryBudget::kFree ? in_memory : 0;
  if (stream) {
    // Its head goes first, because nobody knows when its first piece is there.
  } else if (size <= kCopied) {
    if (size > 0 && file && !co_await ReadFile(*file, out_)) co_return false;
    if (size > 0 && !file) out_ += Bytes(response);
  } else if (!file) {
    rest = Bytes(response).substr(0, kPiece);
  }
  const asio::const_buffer first[] = {asio::buffer(out_), asio::buffer(rest)};
  if (!co_await Write(std::span(first, rest.empty() ? 1 : 2))) co_return false;
  written_ = out_.size() - head + rest.size();
  if (written_ == size) co_return true;
  if (file) co_return co_await SendFile(*file);
  if (stream) co_return co_await SendStream(*stream);
  co_return co_await SendBytes(Bytes(response).substr(rest.size()));
}

Task<bool> Connection::SendBytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const asio::const_buffer piece = asio::buffer(bytes.substr(0, kPiece));
    if (!co_await Write(std::span(&piece, 1))) co_return false;
    bytes.remove_prefix(piece.size());
    written_ += piece.size();
  }
  co_return true;
}

// Appends a part of a file.
Task<bool> Connection::ReadFile(const FileRange& part, std::string& out) {
  const std::size_t before = out.size();
  out.resize(before + part.length);
  stream_->ExpiresNever();  // the client does not pay for the disk
  if (co_await files_.Read(part.fd, part.offset, std::span(out).subspan(before))) co_return true;
  end_ = http::Exchange::End::kSourceFailed;
  co_return false;
}

Task<bool> Connection::SendFile(const FileRange& file) {
  std::string copied;
  while (written_ < file.length) {
    const std::size_t most = stream_->CanSendFile() ? kPiece : kStreamed;
    const FileRange part{.keep = nullptr,
                         .fd = file.fd,
                         .offset = file.offset + written_,
                         .length = std::min<std::uint64_t>(file.length - written_, most)};
    if (!stream_->CanSendFile()) {
      copied.clear();
      if (!co_await ReadFile(part, copied)) co_return false;
      const asio::const_buffer piece = asio::buffer(copied);
      if (!co_await Write(std::span(&piece, 1))) co_return false;
      written_ += part.length;
      continue;
    }
    stream_->ExpiresNever();
    const runtime::Cached cached = co_await files_.Fetch(part.fd, part.offset, part.length);
    if (cached == runtime::Cached::kUnknown) {
      const auto read = [this, fd = file.fd](std::uint64_t at, std::span<char> into) { return ReadPart(fd, at, into); };
      co_return co_await SendStream({read, file.offset, file.length});
    }
    if (cached == runtime::Cached::kNo) end_ = http::Exchange::End::kSourceFailed;
    if (cached == runtime::Cached::kNo) co_return false;
    stream_->StallsAfter(options_.limits.body_stall, options_.limits.body_min_rate);
    sending_ = true;
    const IoResult sent = co_await stream_->SendFile(part.fd, part.offset, part.length);
    sending_ = false;
    written_ += sent.n;
    if (sent.ec == asio::error::eof) end_ = http::Exchange::End::kSourceFailed;
    if (sent.ec && end_ == http::Exchange::End::kSent) end_ = WhyUnsent();
    if (sent.ec) co_return false;
  }
  co_return true;
}

Task<Result<std::size_t>> Connection::ReadPart(int fd, std::uint64_t offset, std::span<char> into) {
  if (co_await files_.Read(fd, offset, into)) co_return into.size();
  co_return Error(Errc::kUnavailable, "the file cannot be read");
}

Task<bool> Connection::SendStream(const StreamRange& stream) {
  std::string piece;
  while (written_ < stream.length) {
    piece.resize(std::min<std::uint64_t>(stream.length - written_, kStreamed));
    stream_->ExpiresNever();  // the client does not pay for where the content comes from
    const Result<std::size_t> read = co_await stream.read(stream.offset + written_, piece);
    if (!read || *read == 0) {
      end_ = http::Exchange::End::kSourceFailed;
      co_return false;
    }
    const asio::const_buffer bytes = asio::buffer(piece.data(), *read);
    if (!co_await Write(std::span(&bytes, 1))) co_return false;
    written_ += *read;
  }
  co_return true;
}

Task<bool> Connection::Write(std::span<const asio::const_buffer> buffers) {
  stream_->StallsAfter(options_.limits.body_stall, options_.limits.body_min_rate);
  sending_ = true;
  const IoResult sent = co_await stream_->Write(buffers);
  sending_ = false;
  if (sent.ec) end_ = WhyUnsent();
  co_return !sent.ec;
}

http::Exchange::End Connection::WhyUnsent() const {
  if (gave_room_) return http::Exchange::End::kGaveRoom;
  return stream_->expired() ? http::Exchange::End::kStalled : http::Exchange::End::kPeerGone;
}

// Answers a head that is no valid request. Always false: the connection ends after it.
Task<bool> Connection::Refuse(int status, std::string_view why) {
  Tell(status == 408 ? Incident::Kind::kSlowHead : Incident::Kind::kBadHead, status, why);
  const Response response = PlainText(status, why);
  co_await Send(response, {.to_head = false, .http10 = false, .keep_alive = false});
  co_return false;
}

}  // namespace portcall::http
