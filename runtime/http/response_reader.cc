#include "runtime/http/response_reader.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <functional>
#include <limits>

#include "runtime/http/message.h"

namespace portcall::http {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kBodySpace = 16 * 1024;
constexpr int kSwitching = 101;  // final, and what follows is not HTTP
constexpr std::string_view kVersion = "HTTP/1.1 ";

bool IsNameCharacter(char c) { return runtime::IsAlphanumeric(c) || c == '-' || c == '_'; }

bool IsForbidden(char c) { return runtime::IsControl(c) && c != '\t'; }

}  // namespace

struct ResponseReader::Beast {
  explicit Beast(std::size_t max_head) {
    parser.header_limit(
        static_cast<std::uint32_t>(std::min<std::size_t>(max_head, std::numeric_limits<std::uint32_t>::max())));
    parser.body_limit(boost::none);
    parser.on_chunk_header(on_chunk);
  }
  // The chunked body's first line is yet to come, and not all of the shortest one ("0\r\n\r\n") is there: Beast aborts
  // when it is shown less of one for the second time.
  bool MustWait(std::string_view bytes) const {
    return parser.is_header_done() && parser.chunked() && !in_chunks && bytes.size() < 5 && bytes.starts_with('0');
  }

  bool in_chunks = false;
  std::function<void(std::uint64_t, boost::beast::string_view, error_code&)> on_chunk =
      [this](std::uint64_t, boost::beast::string_view, error_code&) { in_chunks = true; };
  beast_http::response_parser<beast_http::buffer_body> parser;
  bool head_taken = false;
  std::array<char, 8192> block;
};

ResponseReader::ResponseReader(const ClientOptions& options)
    : keep_body_(options.keep_body), max_body_(options.max_body), max_head_(options.max_head) {}

ResponseReader::~ResponseReader() = default;

void ResponseReader::Start() {
  begin_ = end_ = scanned_ = 0;
  mode_ = Mode::kHead;
  left_ = body_size_ = 0;
  started_ = reusable_ = false;
  beast_.reset();
  answer_ = {};
}

asio::mutable_buffer ResponseReader::Space() {
  if (begin_ == end_) begin_ = end_ = 0;
  const std::size_t wanted = mode_ == Mode::kHead ? kFirstBuffer : kBodySpace;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  if (end_ == buffer_.size()) {
    // A head that does not fit; what has been parsed makes room first.
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
  while (true) {
    if (mode_ == Mode::kCounted) return TakeCounted();
    if (mode_ == Mode::kHead) {
      const Head head = ParseUsualHead();
      if (head == Head::kTaken) continue;
      if (head == Head::kIncomplete) {
        constexpr std::string_view kProtocol = "HTTP/1.";
        const std::string_view front = unparsed().substr(0, kProtocol.size());
        if (front != kProtocol.substr(0, front.size())) return Invalid("the answer is not HTTP/1");
        if (end_ - begin_ > max_head_) return Invalid("the head of the answer is too long");
        return Progress::kMore;
      }
      beast_ = std::make_unique<Beast>(max_head_);
      mode_ = Mode::kBeast;
    }
    const Progress progress = TakeByBeast();
    // After an interim answer (1xx) comes another head.
    if (mode_ == Mode::kBeast || progress == Progress::kInvalid) return progress;
    if (begin_ == end_) return Progress::kMore;
  }
}

ResponseReader::Head ResponseReader::ParseUsualHead() {
  const std::string_view bytes = unparsed();
  const std::size_t end = bytes.find("\r\n\r\n", scanned_);
  if (end == std::string_view::npos) {
    scanned_ = bytes.size() < 3 ? 0 : bytes.size() - 3;
    return Head::kIncomplete;
  }
  if (end > max_head_) return Head::kUnusual;
  std::string_view head = bytes.substr(0, end + 2);

  const std::size_t line_end = head.find("\r\n");
  std::string_view line = head.substr(0, line_end);
  head.remove_prefix(line_end + 2);
  if (!line.starts_with(kVersion)) return Head::kUnusual;
  line.remove_prefix(kVersion.size());
  if (line.size() < 4 || line[3] != ' ' || line[0] < '2' || line[0] > '5') return Head::kUnusual;
  const auto status = runtime::ParseNumber<int>(line.substr(0, 3));
  if (!status) return Head::kUnusual;
  if (std::any_of(line.begin(), line.end(), IsForbidden)) return Head::kUnusual;

  reusable_ = true;
  bool has_length = false;
  while (!head.empty()) {
    const std::size_t field_end = head.find("\r\n");
    if (!ParseField(head.substr(0, field_end), has_length)) {
      answer_ = {};
      return Head::kUnusual;
    }
    head.remove_prefix(field_end + 2);
  }
  if (*status == 204 || *status == 304) {
    left_ = 0;  // never a body, whatever the length says
  } else if (!has_length) {
    answer_ = {};
    return Head::kUnusual;
  }
  answer_.status = *status;
  answer_.reason = line.substr(4);
  begin_ += end + 4;
  mode_ = Mode::kCounted;
  return Head::kTaken;
}

// False for whatever Beast should judge.
bool ResponseReader::ParseField(std::string_view line, bool& has_length) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = runtime::Trim(line.substr(colon + 1));
  if (!std::all_of(name.begin(), name.end(), IsNameCharacter)) return false;
  if (std::any_of(value.begin(), value.end(), IsForbidden)) return false;
  switch (name.size()) {
    case 8:
      if (EqualsIgnoreCase(name, "location")) answer_.location = value;
      return true;
    case 10:
      if (!EqualsIgnoreCase(name, "connection") || EqualsIgnoreCase(value, "keep-alive")) return true;
      reusable_ = false;
      return EqualsIgnoreCase(value, "close");
    case 11:
      if (EqualsIgnoreCase(name, "retry-after")) answer_.retry_after = value;
      return true;
    case 14: {
      if (!EqualsIgnoreCase(name, "content-length")) return true;
      const auto length = runtime::ParseNumber<std::uint64_t>(value);
      if (has_length || !length) return false;
      left_ = *length;
      has_length = true;
      return true;
    }
    case 17:
      return !EqualsIgnoreCase(name, "transfer-encoding");
    default:
      return true;
  }
}

ResponseReader::Progress ResponseReader::TakeCounted() {
  const std::string_view bytes = unparsed().substr(0, left_);
  begin_ += bytes.size();
  left_ -= bytes.size();
  if (!Keep(bytes)) return Progress::kDone;
  if (left_ > 0) return Progress::kMore;
  reusable_ = reusable_ && begin_ == end_;
  return Progress::kDone;
}

ResponseReader::Progress ResponseReader::TakeByBeast() {
  auto& parser = beast_->parser;
  while (begin_ != end_) {
    if (beast_->MustWait(unparsed())) return Progress::kMore;
    auto& body = parser.get().body();
    body.data = beast_->block.data();
    body.size = beast_->block.size();
    body.more = true;
    error_code ec;
    begin_ += parser.put(asio::buffer(buffer_.data() + begin_, end_ - begin_), ec);
    if (parser.is_header_done() && !beast_->head_taken && !TakeBeastHead()) return Progress::kMore;
    if (!Keep({beast_->block.data(), beast_->block.size() - body.size})) return Progress::kDone;
    if (ec == beast_http::error::need_more) {
      // What is left is a part of a head, or of a chunk's line, or of the trailers; Beast bounds only the first.
      if (end_ - begin_ > max_head_) return Invalid("a line of the answer is too long");
      return Progress::kMore;
    }
    if (ec == beast_http::error::header_limit) return Invalid("the head of the answer is too long");
    if (ec && ec != beast_http::error::need_buffer) return Invalid("the answer is not HTTP/1: " + ec.message());
    if (parser.is_done()) {
      reusable_ = parser.keep_alive() && begin_ == end_ && answer_.status != kSwitching;
      return Progress::kDone;
    }
  }
  return Progress::kMore;
}

// False when it was an interim answer: then the next head is awaited.
bool ResponseReader::TakeBeastHead() {
  const auto& head = beast_->parser.get();
  const int status = head.result_int() > 999 ? 999 : static_cast<int>(head.result_int());
  if (status < 200 && status != kSwitching) {
    beast_.reset();
    mode_ = Mode::kHead;
    scanned_ = 0;
    return false;
  }
  beast_->head_taken = true;
  answer_.status = status;
  answer_.reason = head.reason();
  answer_.retry_after = head[beast_http::field::retry_after];
  answer_.location = head[beast_http::field::location];
  return true;
}

ResponseReader::Progress ResponseReader::End() {
  reusable_ = false;
  if (mode_ != Mode::kBeast || !beast_->head_taken) return Progress::kMore;
  error_code ec;
  beast_->parser.put_eof(ec);
  reusable_ = false;
  return ec || !beast_->parser.is_done() ? Progress::kMore : Progress::kDone;
}

bool ResponseReader::Keep(std::string_view bytes) {
  body_size_ += bytes.size();
  if (answer_.body.size() < keep_body_) answer_.body += bytes.substr(0, keep_body_ - answer_.body.size());
  if (body_size_ <= max_body_) return true;
  reusable_ = false;
  return false;
}

ResponseReader::Progress ResponseReader::Invalid(std::string problem) {
  reusable_ = false;
  problem_ = std::move(problem);
  return Progress::kInvalid;
}

}  // namespace portcall::http
