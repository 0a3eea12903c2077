#include "runtime/http/codec.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

namespace portcall::http {
namespace {

namespace beast = boost::beast::http;
using beast_view = boost::beast::string_view;

// The shortest chunked body, "0\r\n\r\n". Beast aborts when it is given less than this twice.
constexpr std::size_t kLeastChunks = 5;

std::string_view View(beast_view text) { return {text.data(), text.size()}; }

// uri-host [":" port] (RFC 9110 §7.2), or nothing, for a target without an authority.
bool IsHost(std::string_view text) {
  const auto all_of = [](std::string_view part, std::string_view more) {
    return std::ranges::all_of(
        part, [more](char c) { return runtime::IsAlphanumeric(c) || more.find(c) != std::string_view::npos; });
  };
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (host.empty() || !all_of(host, "-._~!$&'()*+,;=%:")) return false;
  } else {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (!all_of(host, "-._~!$&'()*+,;=%")) return false;
  }
  return port.empty() || (port.starts_with(':') && std::ranges::all_of(port.substr(1), runtime::IsDigit));
}

class Parser final : public beast::basic_parser<true> {
 public:
  Parser(Request& request, std::uint32_t head_bytes, std::uint32_t head_fields)
      : request_(request), fields_left_(head_fields) {
    header_limit(head_bytes);
    body_limit(boost::none);  // RequestBody enforces its own
    eager(false);
  }

  void Unpack(std::span<char> into) {
    into_ = into;
    written_ = 0;
  }
  std::size_t written() const { return written_; }
  bool full() const { return written_ == into_.size(); }
  bool expects_continue() const { return expects_continue_; }
  bool http10() const { return http10_; }
  bool in_chunks() const { return in_chunks_; }
  std::uint64_t chunk_left() const { return chunk_left_; }
  int fault_status() const { return fault_status_; }
  std::string_view fault() const { return fault_; }
  void Fail(error_code& ec);

 private:
  void Refuse(int status, std::string_view why, error_code& ec) {
    fault_status_ = status;
    fault_ = why;
    ec = beast::error::bad_value;
  }

  void on_request_impl(beast::verb, beast_view method, beast_view target, int version, error_code&) override {
    http10_ = version < 11;
    request_.method = View(method);
    request_.target = View(target);
  }
  void on_response_impl(int, beast_view, int, error_code&) override {}
  void on_field_impl(beast::field field, beast_view name, beast_view value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast_view extensions, error_code& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t, beast_view body, error_code&) override;
  void on_finish_impl(error_code&) override {}
  bool MakeOriginForm();

  Request& request_;
  std::uint32_t fields_left_;
  std::span<char> into_;
  std::size_t written_ = 0;
  int hosts_ = 0;
  int fault_status_ = 0;
  std::string_view fault_;
  bool http10_ = false;
  bool coded_ = false;
  bool expects_continue_ = false;
  bool in_head_ = true;
  bool in_chunks_ = false;  // the first chunk's size line has been parsed
  std::uint64_t chunk_left_ = 0;
};

void Parser::on_field_impl(beast::field field, beast_view name, beast_view value, error_code& ec) {
  if (fields_left_ == 0) return Refuse(431, "the request has too many header fields", ec);
  --fields_left_;
  if (!in_head_) return;  // trailers are read and dropped
  if (field == beast::field::host) {
    ++hosts_;
  } else if (field == beast::field::transfer_encoding) {
    coded_ = true;
    if (!EqualsIgnoreCase(View(value), "chunked")) return Refuse(501, "unsupported transfer encoding", ec);
  } else if (field == beast::field::expect) {
    if (!EqualsIgnoreCase(View(value), "100-continue")) return Refuse(417, "unknown expectation", ec);
    expects_continue_ = true;
  }
  request_.fields.Add(std::string(View(name)), std::string(View(value)));
}

void Parser::on_header_impl(error_code& ec) {
  in_head_ = false;
  if (http10_) expects_continue_ = false;
  if (hosts_ > 1 || (hosts_ == 0 && !http10_)) return Refuse(400, "exactly one Host header is required", ec);
  if (http10_ && coded_) return Refuse(400, "transfer encodings need a newer version of HTTP", ec);
  if (!MakeOriginForm()) return Refuse(400, "malformed request target", ec);
  if (!IsHost(request_.fields.Get("Host"))) return Refuse(400, "malformed Host header", ec);
}

// Where a proxy takes a line feed inside a quoted extension for the end of the line, it sees other chunks than we do,
// and another request behind them.
void Parser::on_chunk_header_impl(std::uint64_t size, beast_view extensions, error_code& ec) {
  in_chunks_ = true;
  chunk_left_ = size;
  const auto breaks = [](char c) { return runtime::IsControl(c) && c != '\t'; };
  if (std::ranges::any_of(View(extensions), breaks)) Refuse(400, "malformed chunk extension", ec);
}

// Requests for proxies name the host in the target, and such a name overrules the field (RFC 9112 §3.2.2).
bool Parser::MakeOriginForm() {
  std::string& target = request_.target;
  if (target.starts_with('/') || (target == "*" && request_.method == "OPTIONS")) return true;
  const std::size_t scheme = target.find("://");
  if (scheme == std::string::npos) return false;
  const std::string_view name = std::string_view(target).substr(0, scheme);
  if (!EqualsIgnoreCase(name, "http") && !EqualsIgnoreCase(name, "https")) return false;
  const std::size_t host = scheme + 3;
  const std::size_t path = std::min(target.find_first_of("/?", host), target.size());
  if (path == host) return false;
  request_.fields.Set("Host", target.substr(host, path - host));
  target.erase(0, path);
  if (!target.starts_with('/')) target.insert(0, 1, '/');
  return true;
}

std::size_t Parser::on_chunk_body_impl(std::uint64_t left, beast_view body, error_code&) {
  const std::size_t n = std::min(body.size(), into_.size() - written_);
  char* const to = into_.data() + written_;
  if (n > 0 && to != body.data()) std::memmove(to, body.data(), n);
  written_ += n;
  chunk_left_ = left - n;
  return n;
}

void Parser::Fail(error_code& ec) {
  if (fault_status_ != 0) return;
  if (ec == beast::error::header_limit) {
    Refuse(431, "the request's head is too large", ec);
  } else if (ec == beast::error::bad_version) {
    Refuse(400, "malformed HTTP version", ec);
  } else {
    Refuse(400, "malformed HTTP request", ec);
  }
}

}  // namespace

struct RequestParser::Impl {
  std::uint32_t head_bytes, head_fields;
  std::size_t head_used = 0;
  std::optional<Parser> parser;
};

RequestParser::RequestParser(std::uint32_t head_bytes, std::uint32_t head_fields) : impl_(std::make_unique<Impl>()) {
  impl_->head_bytes = head_bytes;
  impl_->head_fields = head_fields;
}
RequestParser::~RequestParser() = default;

void RequestParser::Start(Request& request) {
  impl_->head_used = 0;
  impl_->parser.emplace(request, impl_->head_bytes, impl_->head_fields);
}

RequestParser::Step RequestParser::ParseHead(std::string_view bytes, std::size_t& used) {
  Parser& parser = *impl_->parser;
  used = 0;
  // Empty lines before a request are tolerated (RFC 9112 §2.2).
  if (!parser.got_some()) used = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
  error_code ec;
  used += parser.put(asio::buffer(bytes.substr(used)), ec);
  impl_->head_used += used;
  // Beast limits a line and the block of fields, but not their sum when they come in pieces.
  const std::size_t kept = parser.is_header_done() ? 0 : bytes.size() - used;
  if (impl_->head_used + kept > impl_->head_bytes) ec = beast::error::header_limit;
  if (!ec && parser.is_header_done()) return Step::kDone;
  if (!ec || ec == beast::error::need_more) return Step::kMore;
  parser.Fail(ec);
  return Step::kFault;
}

bool RequestParser::keep_alive() const { return impl_->parser->keep_alive(); }
bool RequestParser::http10() const { return impl_->parser->http10(); }
bool RequestParser::expects_continue() const { return impl_->parser->expects_continue(); }
bool RequestParser::chunked() const { return impl_->parser->chunked(); }

std::uint64_t RequestParser::chunk_left() const { return impl_->parser->chunk_left(); }
std::uint64_t RequestParser::content_length() const { return impl_->parser->content_length().value_or(0); }

RequestParser::Step RequestParser::ParseChunks(std::string_view bytes, std::span<char> into, std::size_t& used,
                                               std::size_t& written) {
  Parser& parser = *impl_->parser;
  parser.Unpack(into);
  used = written = 0;
  if (!parser.in_chunks() && bytes.size() < kLeastChunks && bytes.starts_with('0')) return Step::kMore;
  Step step = Step::kMore;
  while (step == Step::kMore && used < bytes.size() && !parser.full()) {
    error_code ec;
    used += parser.put(asio::buffer(bytes.substr(used)), ec);
    if (ec == beast::error::need_more) break;
    if (ec) {
      parser.Fail(ec);
      step = Step::kFault;
    } else if (parser.is_done()) {
      step = Step::kDone;
    }
  }
  written = parser.written();
  return step;
}

int RequestParser::fault_status() const { return impl_->parser->fault_status(); }
std::string_view RequestParser::fault() const { return impl_->parser->fault(); }

}  // namespace portcall::http
