#include "runtime/http/request_body.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace portcall::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// The longest line of a chunk's size, and the most trailers, that are kept while incomplete.
constexpr std::size_t kChunkLine = 16UL * 1024;
// The handler's buffer must be this large for chunks, with their framing, to be read straight into it.
constexpr std::size_t kDirectRead = 4096;
// At most this much is read beyond a chunk. What does not belong to the body waits behind it, counted by nobody.
constexpr std::size_t kReadBeyond = 32UL * 1024;

std::string_view View(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

void RequestBody::Start() {
  chunked_ = parser_.chunked();
  length_ = left_ = parser_.content_length();
  received_ = 0;
  done_ = !chunked_ && length_ == 0;
  awaits_continue_ = !done_ && parser_.expects_continue();
  fault_status_ = 0;
  drained_by_.reset();
  window_waited_ = {};
  window_bytes_ = 0;
}

std::optional<std::uint64_t> RequestBody::length() const {
  return chunked_ ? std::nullopt : std::optional<std::uint64_t>(length_);
}

Task<Result<std::size_t>> RequestBody::Read(std::span<char> into) {
  if (done_ || into.empty()) co_return std::size_t{0};
  if (fault_status_ != 0) co_return Error(Errc::kInvalid, "the request's body has failed before");
  if (too_large()) co_return Fail(413, Errc::kTooLarge, "the request's body is larger than the server's limit");
  Result<std::size_t> n = chunked_ ? co_await ReadChunks(into) : co_await ReadCounted(into);
  if (!n) co_return n;
  received_ += *n;
  if (limits_.body_bytes > 0 && received_ > limits_.body_bytes) {
    co_return Fail(413, Errc::kTooLarge, "the request's body is larger than the server's limit");
  }
  co_return n;
}

Task<Result<std::size_t>> RequestBody::ReadCounted(std::span<char> into) {
  std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
  if (!input_.empty()) {
    n = input_.data().copy(into.data(), n);
    input_.Consume(n);
  } else {
    const Result<std::size_t> received = co_await Receive(asio::buffer(into.data(), n));
    if (!received) co_return received;
    n = *received;
  }
  left_ -= n;
  done_ = left_ == 0;
  co_return n;
}

Task<Result<std::size_t>> RequestBody::ReadChunks(std::span<char> into) {
  while (true) {
    // Bytes are read into the handler's memory and unpacked in place, unless some are waiting already.
    const bool direct = input_.empty() && into.size() >= kDirectRead;
    std::string_view bytes = input_.data();
    if (direct) {
      const std::uint64_t most = std::min<std::uint64_t>(parser_.chunk_left(), into.size()) + kReadBeyond;
      const Result<std::size_t> n =
          co_await Receive(asio::buffer(into.data(), std::min<std::uint64_t>(into.size(), most)));
      if (!n) co_return n;
      bytes = View(into.first(*n));
    }
    std::size_t used = 0, written = 0;
    const RequestParser::Step step = parser_.ParseChunks(bytes, into, used, written);
    if (direct) {
      input_.Append(bytes.substr(used));
    } else {
      input_.Consume(used);
    }
    if (step == RequestParser::Step::kFault) co_return Fail(400, Errc::kInvalid, "malformed chunk in the body");
    done_ = step == RequestParser::Step::kDone;
    if (done_ || written > 0) co_return written;
    if (input_.size() >= kChunkLine) co_return Fail(400, Errc::kInvalid, "endless chunk line in the body");
    if (input_.empty() && into.size() >= kDirectRead) continue;
    const Result<std::size_t> more = co_await Receive(input_.Prepare(kDirectRead));
    if (!more) co_return more;
    input_.Commit(*more);
  }
}

Task<Result<std::size_t>> RequestBody::Receive(asio::mutable_buffer into) {
  if (awaits_continue_) {
    awaits_continue_ = false;
    stream_.ExpiresAfter(limits_.body_stall);
    const asio::const_buffer go_on = asio::buffer(kContinue);
    const IoResult sent = co_await stream_.Write(std::span(&go_on, 1));
    if (sent.ec) co_return Fail(400, Errc::kInvalid, "the client went away before its body");
  }
  const Clock::time_point before = Clock::now();
  Clock::duration patience = limits_.body_stall;
  if (drained_by_) patience = std::min(patience, *drained_by_ - before);
  if (patience.count() <= 0) co_return Fail(408, Errc::kTimeout, "the client sends its body too slowly");
  stream_.InterruptAfter(patience);
  interrupted_ = false;  // an earlier read may have succeeded just as it was interrupted
  receiving_ = true;
  const IoResult got = co_await stream_.Read(into);
  receiving_ = false;
  if (got.ec && stream_.expired()) {
    co_return Fail(408, Errc::kTimeout,
                   interrupted_ ? "the client sends its body too slowly, while others wait for memory (http.memory)"
                                : "the client stopped sending its body");
  }
  if (got.ec) co_return Fail(400, Errc::kInvalid, "the body ended early: " + got.ec.message());
  if (TooSlow(Clock::now() - before, got.n)) {
    co_return Fail(408, Errc::kTimeout, "the client sends its body too slowly");
  }
  co_return got.n;
}

bool RequestBody::TooSlow(Clock::duration waited, std::size_t n) {
  window_waited_ += waited;
  window_bytes_ += n;
  if (window_waited_ < limits_.body_rate_window) return false;
  const double seconds = std::chrono::duration<double>(window_waited_).count();
  const bool slow = static_cast<double>(window_bytes_) < static_cast<double>(limits_.body_min_rate) * seconds;
  window_waited_ = {};
  window_bytes_ = 0;
  return slow;
}

Task<bool> RequestBody::Drain(std::uint64_t limit, std::chrono::milliseconds patience) {
  drained_by_ = Clock::now() + patience;
  std::array<char, 16UL * 1024> discarded;
  std::uint64_t drained = 0;
  while (!done_) {
    const Result<std::size_t> n = co_await Read(discarded);
    if (!n) co_return false;
    drained += *n;
    if (drained > limit) co_return done_;
  }
  co_return true;
}

void RequestBody::Interrupt() {
  if (!receiving_) return;
  interrupted_ = true;
  stream_.InterruptAfter(Clock::duration::zero());
}

Error RequestBody::Fail(int status, Errc code, std::string detail) {
  fault_status_ = status;
  return Error(code, std::move(detail));
}

}  // namespace portcall::http
