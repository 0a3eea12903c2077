#pragma once

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/http/client.h"

namespace portcall::http {

// Turns a connection's bytes into one answer after the other (RFC 9112 §2–§7); does no I/O. The usual answer, HTTP/1.1
// with a Content-Length, is parsed here in one pass; everything else goes through Beast's parser.
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
  enum class Mode { kHead, kCounted, kBeast };
  enum class Head { kIncomplete, kTaken, kUnusual };
  struct Beast;

  Progress Parse();
  Head ParseUsualHead();
  bool ParseField(std::string_view line, bool& has_length);
  Progress TakeCounted();
  Progress TakeByBeast();
  bool TakeBeastHead();
  bool Keep(std::string_view bytes);  // false when the body passes max_body
  Progress Invalid(std::string problem);
  std::string_view unparsed() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  const std::size_t keep_body_, max_body_, max_head_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::size_t scanned_ = 0;  // of the head, without finding its end
  Mode mode_ = Mode::kHead;
  std::uint64_t left_ = 0;       // of a counted body
  std::uint64_t body_size_ = 0;  // so far
  bool started_ = false;
  bool reusable_ = false;
  std::unique_ptr<Beast> beast_;
  Incoming answer_;
  std::string problem_;
};

}  // namespace portcall::http
