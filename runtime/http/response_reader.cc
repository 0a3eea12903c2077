#include "runtime/http/response_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <optional>

namespace portcall::http {
namespace {

namespace beast = boost::beast::http;
using beast_view = boost::beast::string_view;

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kBodySpace = 16 * 1024;
constexpr int kSwitching = 101;  // final, and what follows is not HTTP
constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kBareStatusLine = std::string_view("HTTP/1.1 200").size();
// The shortest chunked body, "0\r\n\r\n". Beast aborts when it is given less than this twice.
constexpr std::size_t kLeastChunks = 5;

}  // namespace

// Fills the reader's answer. Keeps only the fields that Incoming has a member for; Beast's own message keeps all.
class ResponseReader::Parser final : public beast::basic_parser<false> {
 public:
  explicit Parser(ResponseReader& reader) : reader_(reader) {
    constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
    header_limit(static_cast<std::uint32_t>(std::min(reader.max_head_, kMost)));
    body_limit(boost::none);  // Keep() has its own: Beast's would withhold the beginning of a longer body
  }

  bool MustWait(std::string_view bytes) const {
    return is_header_done() && chunked() && !in_chunks_ && bytes.size() < kLeastChunks && bytes.starts_with('0');
  }

 private:
  void on_request_impl(beast::verb, beast_view, beast_view, int, error_code&) override {}
  void on_response_impl(int status, beast_view reason, int, error_code& ec) override {
    if (status < 100) ec = beast::error::bad_status;
    reader_.answer_.status = status;
    reader_.answer_.reason = reason;
  }
  void on_field_impl(beast::field field, beast_view name_there, beast_view value, error_code&) override {
    if (is_header_done()) return;  // trailers are read and dropped
    if (field == beast::field::retry_after) reader_.answer_.retry_after = value;
    if (field == beast::field::location) reader_.answer_.location = value;
    const std::string_view name(name_there.data(), name_there.size());
    const std::string_view plain = name.substr(EqualsIgnoreCase(name.substr(0, 2), "X-") ? 2 : 0);
    if (EqualsIgnoreCase(plain, "RateLimit-Remaining")) reader_.answer_.rate_remaining = value;
    if (EqualsIgnoreCase(plain, "RateLimit-Reset")) reader_.answer_.rate_reset = value;
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast_view body, error_code& ec) override { return Take(body, ec); }
  void on_chunk_header_impl(std::uint64_t, beast_view, error_code&) override { in_chunks_ = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, beast_view body, error_code& ec) override { return Take(body, ec); }
  void on_finish_impl(error_code&) override {}

  std::size_t Take(beast_view body, error_code& ec) {
    if (!reader_.Keep(body)) ec = beast::error::body_limit;
    return body.size();
  }

  ResponseReader& reader_;
  bool in_chunks_ = false;  // the first chunk's size line has been parsed
};

struct ResponseReader::Impl {
  std::optional<Parser> parser;  // one for each head
};

ResponseReader::ResponseReader(const ClientOptions& options)
    : keep_body_(options.keep_body),
      max_body_(options.max_body),
      max_head_(options.max_head),
      impl_(std::make_unique<Impl>()) {}

ResponseReader::~ResponseReader() = default;

void ResponseReader::Start() {
  begin_ = end_ = 0;
  body_size_ = 0;
  started_ = reusable_ = false;
  StartHead();
}

void ResponseReader::StartHead() {
  headed_ = false;
  head_.clear();
  line_ = 0;
  answer_ = {};
  impl_->parser.emplace(*this);
}

bool ResponseReader::keeps_alive() const { return impl_->parser->keep_alive() && status_ != kSwitching; }

asio::mutable_buffer ResponseReader::Space() {
  if (begin_ == end_) begin_ = end_ = 0;
  const std::size_t wanted = impl_->parser->is_header_done() ? kBodySpace : kFirstBuffer;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  if (end_ == buffer_.size()) {
    // The buffer is full of an unfinished line: drop what is parsed, then grow.
    buffer_.erase(0, begin_);
    end_ -= begin_;
    begin_ = 0;
    buffer_.resize(std::max(buffer_.size(), end_ * 2));
  }
  return asio::buffer(buffer_) + end_;
}

ResponseReader::Progress ResponseReader::Got(std::size_t n) {
  end_ += n;
  started_ = started_ || n > 0;
  return Parse();
}

ResponseReader::Progress ResponseReader::Parse() {
  Progress progress = Progress::kMore;
  while (begin_ != end_ && progress == Progress::kMore) {
    const std::size_t before = begin_;
    progress = impl_->parser->is_header_done() ? ParseBody() : ParseHead();
    if (begin_ == before) break;
  }
  return progress;
}

// Line by line, because Beast insists on CRLF and on the blank behind the status, and receivers of events send neither.
bool ResponseReader::TakeHead() {
  while (begin_ != end_) {
    const std::string_view rest = unparsed();
    const std::size_t end = rest.find('\n');
    head_ += rest.substr(0, end);
    begin_ += std::min(rest.size(), end) + (end == std::string_view::npos ? 0 : 1);
    if (end == std::string_view::npos) return false;
    if (head_.size() > line_ && head_.back() == '\r') head_.pop_back();
    const bool last = head_.size() == line_;
    if (line_ == 0 && head_.size() == kBareStatusLine) head_ += ' ';
    head_ += "\r\n";
    line_ = head_.size();
    if (last) return true;
  }
  return false;
}

ResponseReader::Progress ResponseReader::ParseHead() {
  const bool whole = TakeHead();
  // Beast checks the version only at the end of the head, and a peer that speaks no HTTP may never send one.
  if (!kVersion.starts_with(std::string_view(head_).substr(0, kVersion.size()))) {
    return Invalid("the answer is not HTTP/1");
  }
  if (head_.size() > max_head_) return Invalid("the head of the answer is too long");
  if (!whole) return Progress::kMore;
  Parser& parser = *impl_->parser;
  error_code ec;
  parser.put(asio::buffer(head_), ec);
  if (ec) return Invalid("the answer is not HTTP/1: " + ec.message());
  status_ = answer_.status;
  headed_ = status_ >= 200 || status_ == kSwitching;
  if (parser.is_done()) return Finish();
  return Progress::kMore;
}

ResponseReader::Progress ResponseReader::ParseBody() {
  Parser& parser = *impl_->parser;
  if (parser.MustWait(unparsed())) return Progress::kMore;
  error_code ec;
  begin_ += parser.put(asio::buffer(unparsed()), ec);
  // Beast limits neither a chunk's line nor the trailers.
  if (ec == beast::error::need_more && end_ - begin_ > max_head_) return Invalid("a line of the answer is too long");
  if (ec == beast::error::need_more) return Progress::kMore;
  if (ec == beast::error::body_limit) return Progress::kDone;
  if (ec) return Invalid("the answer is not HTTP/1: " + ec.message());
  return parser.is_done() ? Finish() : Progress::kMore;
}

ResponseReader::Progress ResponseReader::Finish() {
  if (headed_) {
    reusable_ = keeps_alive() && begin_ == end_;
    return Progress::kDone;
  }
  StartHead();  // after an interim answer comes another head
  return Progress::kMore;
}

ResponseReader::Progress ResponseReader::End() {
  Parser& parser = *impl_->parser;
  if (!parser.is_header_done()) return Progress::kMore;
  error_code ec;
  parser.put_eof(ec);
  return parser.is_done() ? Progress::kDone : Progress::kMore;
}

bool ResponseReader::Keep(std::string_view bytes) {
  body_size_ += bytes.size();
  if (answer_.body.size() < keep_body_) answer_.body += bytes.substr(0, keep_body_ - answer_.body.size());
  return body_size_ <= max_body_;
}

ResponseReader::Progress ResponseReader::Invalid(std::string problem) {
  problem_ = std::move(problem);
  return Progress::kInvalid;
}

}  // namespace portcall::http
