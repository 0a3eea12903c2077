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
  void on_field_impl(beast::field field, beast_view, beast_view value, error_code&) override {
    if (is_header_done()) return;  // trailers are read and dropped
    if (field == beast::field::retry_after) reader_.answer_.retry_after = value;
    if (field == beast::field::location) reader_.answer_.location = value;
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
  head_size_ = 0;
  answer_ = {};
  impl_->parser.emplace(*this);
}

asio::mutable_buffer ResponseReader::Space() {
  if (begin_ == end_) begin_ = end_ = 0;
  const std::size_t wanted = impl_->parser->is_header_done() ? kBodySpace : kFirstBuffer;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  if (end_ == buffer_.size()) {
    // The buffer is full of an unfinished head: drop what is parsed, then grow.
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
  while (begin_ != end_) {
    Parser& parser = *impl_->parser;
    if (!parser.got_some()) {
      // Beast checks the version only at the end of the head, and a peer that speaks no HTTP may never send one.
      const std::string_view front = unparsed().substr(0, kVersion.size());
      if (!kVersion.starts_with(front)) return Invalid("the answer is not HTTP/1");
      if (front.size() < kVersion.size()) return Progress::kMore;
    }
    if (parser.MustWait(unparsed())) return Progress::kMore;

    const bool in_head = !parser.is_header_done();
    error_code ec;
    const std::size_t used = parser.put(asio::buffer(unparsed()), ec);
    begin_ += used;
    head_size_ = in_head ? head_size_ + used : 0;
    // Beast limits the status line and the fields separately, and a chunk's line and the trailers not at all.
    const std::size_t kept = ec == beast::error::need_more ? end_ - begin_ : 0;
    if (ec == beast::error::header_limit || head_size_ + kept > max_head_) {
      return Invalid(in_head ? "the head of the answer is too long" : "a line of the answer is too long");
    }
    if (ec == beast::error::need_more) return Progress::kMore;
    if (ec == beast::error::body_limit) return Progress::kDone;
    if (ec) return Invalid("the answer is not HTTP/1: " + ec.message());
    if (!parser.is_done()) continue;
    if (answer_.status >= 200 || answer_.status == kSwitching) {
      reusable_ = parser.keep_alive() && begin_ == end_ && answer_.status != kSwitching;
      return Progress::kDone;
    }
    StartHead();  // after an interim answer comes another head
  }
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
