#pragma once

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/http/client.h"

namespace portcall::http {

// Turns a connection's bytes into one answer after the other (RFC 9112 §2–§7) with Beast's parser; does no I/O.
class ResponseReader {
 public:
  enum class Progress { kMore, kDone, kInvalid };

  explicit ResponseReader(const ClientOptions& options);
  ~ResponseReader();

  void Start();                  // the next answer; the one before must be done and reusable
  asio::mutable_buffer Space();  // where the next bytes go; never empty
  Progress Got(std::size_t n);
  Progress End();  // the peer closed; kMore: in the middle of the answer

  bool started() const { return started_; }    // a byte of this answer has come
  bool reusable() const { return reusable_; }  // another request may follow
  Incoming& answer() { return answer_; }
  const std::string& problem() const { return problem_; }

 private:
  class Parser;
  struct Impl;

  void StartHead();
  Progress Parse();
  bool Keep(std::string_view bytes);  // false when the body passes max_body
  Progress Invalid(std::string problem);
  std::string_view unparsed() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  const std::size_t keep_body_, max_body_, max_head_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::size_t head_size_ = 0;    // parsed so far
  std::uint64_t body_size_ = 0;  // so far
  bool started_ = false;
  bool reusable_ = false;
  Incoming answer_;
  std::string problem_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::http
