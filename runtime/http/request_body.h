#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "runtime/http/codec.h"
#include "runtime/http/input_buffer.h"
#include "runtime/http/server.h"
#include "runtime/http/stream.h"

namespace portcall::http {

// The body of a connection's current request, read straight into the handler's memory. Reused for each request.
class RequestBody final : public Body {
 public:
  // All arguments must outlive the body.
  RequestBody(ByteStream& stream, InputBuffer& input, RequestParser& parser, const ServerLimits& limits)
      : stream_(stream), input_(input), parser_(parser), limits_(limits) {}

  void Start();  // once the parser has the head

  Task<Result<std::size_t>> Read(std::span<char> into) override;
  std::optional<std::uint64_t> length() const override;

  // Reads and forgets at most `limit` bytes, for at most `patience` in all; false when the body went on, or failed.
  Task<bool> Drain(std::uint64_t limit, std::chrono::milliseconds patience);

  // What waits for the peer fails, as after a stall.
  void Interrupt();

  bool done() const { return done_; }
  std::uint64_t received() const { return received_; }
  std::uint64_t left() const { return left_; }  // unread bytes, with Content-Length
  bool too_large() const { return !chunked_ && limits_.body_bytes > 0 && length_ > limits_.body_bytes; }
  bool awaits_continue() const { return awaits_continue_; }
  bool receiving() const { return receiving_; }       // waits for the peer
  int fault_status() const { return fault_status_; }  // 0: none; the connection cannot be used after one

 private:
  Task<Result<std::size_t>> ReadCounted(std::span<char> into);
  Task<Result<std::size_t>> ReadChunks(std::span<char> into);
  Task<Result<std::size_t>> Receive(asio::mutable_buffer into);
  Error Fail(int status, Errc code, std::string detail);
  bool TooSlow(std::chrono::steady_clock::duration waited, std::size_t n);

  ByteStream& stream_;
  InputBuffer& input_;
  RequestParser& parser_;
  const ServerLimits& limits_;

  std::uint64_t length_ = 0, left_ = 0, received_ = 0;
  bool chunked_ = false, done_ = true, awaits_continue_ = false, receiving_ = false, interrupted_ = false;
  int fault_status_ = 0;
  std::optional<std::chrono::steady_clock::time_point> drained_by_;  // while it is drained
  std::chrono::steady_clock::duration window_waited_{};
  std::uint64_t window_bytes_ = 0;
};

}  // namespace portcall::http
