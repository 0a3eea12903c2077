// Heads of HTTP: answers as receivers send them, requests as docker sends them, and what the server answers.
#include <array>
#include <boost/beast/http.hpp>
#include <cstring>
#include <memory>
#include <optional>

#include "parts.h"
#include "runtime/http/codec.h"
#include "runtime/http/response_head.h"
#include "runtime/http/response_reader.h"

namespace portcall::bench {
namespace {

namespace beast = boost::beast::http;

constexpr std::array<std::string_view, 3> kAnswers = {
    "HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nDate: Tue, 22 Sep 2026 08:30:00 GMT\r\nContent-Type: "
    "application/json\r\n"
    "Content-Length: 15\r\nConnection: keep-alive\r\n\r\n{\"status\":\"ok\"}",
    "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Tue, 22 Sep 2026 08:30:00 GMT\r\n"
    "X-Request-Id: 0193f0a0-0000-7000-8000-000000000000\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nServer: nginx/1.24.0\r\nDate: Tue, 22 Sep 2026 08:30:00 GMT\r\n"
    "Vary: Accept-Encoding\r\n\r\n"};

constexpr std::string_view kGet =
    "GET /v2/library/app/manifests/latest HTTP/1.1\r\nHost: registry.example.com\r\n"
    "User-Agent: docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64\r\n"
    "Accept: application/vnd.oci.image.index.v1+json\r\nAccept: application/vnd.oci.image.manifest.v1+json\r\n"
    "Accept: application/vnd.docker.distribution.manifest.v2+json\r\nAccept: application/json\r\n"
    "Accept-Encoding: gzip\r\n\r\n";
constexpr std::string_view kPut =
    "PUT /v2/library/app/manifests/v1.2.3 HTTP/1.1\r\nHost: registry.example.com\r\n"
    "User-Agent: docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64\r\n"
    "Content-Length: 1234\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
    "Accept-Encoding: gzip\r\n\r\n";

// Beast's own message, with its table of fields.
class MessageParser : public beast::response_parser<beast::string_body> {
 public:
  void TakeInto(http::Incoming& answer) {
    auto& message = get();
    answer.status = static_cast<int>(message.result_int());
    answer.reason = message.reason();
    answer.retry_after = message[beast::field::retry_after];
    answer.location = message[beast::field::location];
    answer.body = std::move(message.body());
  }
};

// The least that a client needs around it.
class BeastReader {
 public:
  void Start() {
    begin_ = end_ = 0;
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(32 * 1024);
    parser_->body_limit(64 * 1024);
    answer_ = {};
  }
  asio::mutable_buffer Space() { return asio::buffer(buffer_) + end_; }
  bool Got(std::size_t n) {
    end_ += n;
    boost::system::error_code ec;
    begin_ += parser_->put(asio::buffer(buffer_.data() + begin_, end_ - begin_), ec);
    if (!parser_->is_done()) return false;
    reusable_ = parser_->keep_alive();
    parser_->TakeInto(answer_);
    return true;
  }
  bool reusable() const { return reusable_; }
  const http::Incoming& answer() const { return answer_; }

 private:
  std::array<char, 4096> buffer_{};
  std::size_t begin_ = 0, end_ = 0;
  std::optional<MessageParser> parser_;
  http::Incoming answer_;
  bool reusable_ = false;
};

class OurReader {
 public:
  void Start() { reader_.Start(); }
  asio::mutable_buffer Space() { return reader_.Space(); }
  bool Got(std::size_t n) { return reader_.Got(n) == http::ResponseReader::Progress::kDone; }
  bool reusable() const { return reader_.reusable(); }
  const http::Incoming& answer() { return reader_.answer(); }

 private:
  http::ClientOptions options_;
  http::ResponseReader reader_{options_};
};

// Reads one answer that comes in `pieces`.
template <class Reader>
void Read(Reader& reader, std::string_view bytes, std::size_t pieces) {
  reader.Start();
  const std::size_t step = (bytes.size() + pieces - 1) / pieces;
  bool done = false;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    std::memcpy(reader.Space().data(), piece.data(), piece.size());
    done = reader.Got(piece.size());
    bytes.remove_prefix(piece.size());
  }
  if (!done) throw std::runtime_error("an answer was not read to its end");
}

template <class Reader>
std::function<std::size_t()> ReadAll() {
  return [reader = std::make_shared<Reader>()] {
    for (const std::string_view answer : kAnswers) {
      Read(*reader, answer, 1);
      Use(reader->answer());
    }
    return kAnswers.size();
  };
}

void ExpectTheSame() {
  OurReader ours;
  BeastReader theirs;
  for (const std::string_view bytes : kAnswers) {
    Read(ours, bytes, 1);
    Read(theirs, bytes, 3);
    const http::Incoming &a = ours.answer(), &b = theirs.answer();
    Expect(a.status == b.status && a.reason == b.reason && a.body == b.body && ours.reusable() == theirs.reusable(),
           "answers");
  }
}

std::size_t RequestsByUs() {
  static http::RequestParser parser(64 * 1024, 128);
  for (const std::string_view bytes : {kGet, kPut}) {
    http::Request request;
    std::size_t used = 0;
    parser.Start(request);
    Expect(parser.ParseHead(bytes, used) == http::RequestParser::Step::kDone, "requests");
    Use(request);
  }
  return 2;
}

std::size_t RequestsByBeast() {
  for (const std::string_view bytes : {kGet, kPut}) {
    beast::request_parser<beast::buffer_body> parser;
    parser.header_limit(32 * 1024);
    parser.body_limit(boost::none);
    boost::system::error_code ec;
    parser.put(asio::buffer(bytes), ec);
    Expect(parser.is_header_done(), "requests");
    Use(parser.get());
  }
  return 2;
}

constexpr std::pair<std::string_view, std::string_view> kFields[] = {
    {"Content-Type", "application/vnd.oci.image.manifest.v1+json"},
    {"Docker-Content-Digest", "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"},
    {"Docker-Distribution-Api-Version", "registry/2.0"},
    {"Etag", "\"sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b\""},
    {"X-Content-Type-Options", "nosniff"}};
constexpr std::size_t kLength = 512;

// Both get the handler's fields ready made, and add Date and Content-Length.
std::string HeadByUs(const http::Response& response) {
  std::string out;
  http::AppendHead(out, response, {});
  return out;
}

std::string HeadByBeast(beast::response<beast::empty_body>& response) {
  response.set(beast::field::date, http::HttpDate());
  response.content_length(kLength);
  beast::response_serializer<beast::empty_body> serializer(response);
  std::string out;
  boost::system::error_code ec;
  const auto take = [&](boost::system::error_code&, const auto& buffers) {
    for (const asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
      out.append(static_cast<const char*>(buffer.data()), buffer.size());
    }
    serializer.consume(boost::beast::buffer_bytes(buffers));
  };
  while (!serializer.is_done() && !ec) serializer.next(ec, take);
  return out;
}

Part ResponseHeads() {
  http::Response ours;
  ours.body = std::string(kLength, ' ');
  beast::response<beast::empty_body> theirs(beast::status::ok, 11);
  for (const auto& [name, value] : kFields) {
    ours.fields.Add(std::string(name), std::string(value));
    theirs.set(boost::beast::string_view(name), value);
  }
  Expect(HeadByUs(ours) == HeadByBeast(theirs), "heads of responses");
  return {"head of a response written", "Beast's serializer", kPays,
          [ours] {
            Use(HeadByUs(ours));
            return 1;
          },
          [theirs]() mutable {
            Use(HeadByBeast(theirs));
            return 1;
          }};
}

}  // namespace

std::vector<Part> HttpParts() {
  ExpectTheSame();
  return {{"answers read", "Beast's response_parser", kPays, ReadAll<OurReader>(), ReadAll<BeastReader>()},
          {"head of a request read", "Beast's request_parser", 0, RequestsByUs, RequestsByBeast},
          ResponseHeads()};
}

}  // namespace portcall::bench
