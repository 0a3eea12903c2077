#pragma once

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/http/client.h"

namespace portcall::http {

// Turns a connection's bytes into one answer after the other (RFC 9112 §2–§7) with Beast's parser; does no I/O. A line
// of the head may end in a bare LF (§2.2), and a status line may lack what follows the status (§4).
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
  bool headed() const { return headed_; }      // its status and fields are known; not those of an interim answer
  int status() const { return status_; }       // once it is headed
  bool keeps_alive() const;                    // once it is headed: another request may follow its body
  bool reusable() const { return reusable_; }  // another request may follow
  Incoming& answer() { return answer_; }
  const std::string& problem() const { return problem_; }

 private:
  class Parser;
  struct Impl;

  void StartHead();
  bool TakeHead();  // true: head_ is whole
  Progress ParseHead();
  Progress ParseBody();
  Progress Parse();
  Progress Finish();
  bool Keep(std::string_view bytes);  // false when the body passes max_body
  Progress Invalid(std::string problem);
  std::string_view unparsed() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  const std::size_t keep_body_, max_body_, max_head_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::string head_;             // so far, with its line ends as Beast wants them
  std::size_t line_ = 0;         // where the head's last line begins
  std::uint64_t body_size_ = 0;  // so far
  bool started_ = false;
  bool headed_ = false;
  int status_ = 0;
  bool reusable_ = false;
  Incoming answer_;
  std::string problem_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::http
