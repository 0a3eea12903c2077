#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/http/message.h"

namespace portcall::http {

// Turns bytes into requests (RFC 9112) without any I/O: Beast's parser, and what Beast leaves to us: exactly one Host,
// and that a host with its port, no transfer coding but chunked, none beside Content-Length, the target in origin form,
// no line break within a chunk's extensions, no more fields than are allowed. One per connection, reused.
class RequestParser {
 public:
  enum class Step { kMore, kDone, kFault };

  RequestParser(std::uint32_t head_bytes, std::uint32_t head_fields);
  ~RequestParser();

  // The next request; what is parsed goes into `request`, which must stay until the body is done.
  void Start(Request& request);

  // Parses what it can from the front of `bytes` and says how much in `used`. Pass the rest again, with more bytes
  // behind it.
  Step ParseHead(std::string_view bytes, std::size_t& used);

  // Valid once ParseHead() is done.
  bool keep_alive() const;
  bool http10() const;
  bool expects_continue() const;
  bool chunked() const;
  std::uint64_t content_length() const;  // 0 when chunked or without a body

  // Bytes of the current chunk that have not been unpacked; 0 between two.
  std::uint64_t chunk_left() const;

  // Unpacks chunks into `into`, which may begin where `bytes` begins; stops when `into` is full.
  Step ParseChunks(std::string_view bytes, std::span<char> into, std::size_t& used, std::size_t& written);

  // After kFault: the status to answer with, and a sentence.
  int fault_status() const;
  std::string_view fault() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::http
