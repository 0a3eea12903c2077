// Requests over kept connections, from one thread.
//   bench_loadgen port=P mode=put|get connections=16 count=10000 [rate=R] [repositories=100] [first=0]
//     put: manifests bench/rN:bM that name config=DIGEST config_size=BYTES
//     get: targets of the form path=/v2/bench/r%/manifests/latest, where % is a repository's number
//   [times=FILE] writes "M nanoseconds" for each answered request. Prints one JSON object.

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <fstream>
#include <utility>
#include <vector>

#include "tests/bench/arguments.h"
#include "tests/bench/exchange.h"

namespace portcall::bench {
namespace {

constexpr std::string_view kManifest = "application/vnd.oci.image.manifest.v1+json";

class Load {
 public:
  Load(asio::io_context& io, const Arguments& arguments)
      : io_(io),
        to_(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(arguments.Number("port", 0))),
        put_(arguments.Text("mode") == "put"),
        count_(static_cast<std::uint64_t>(arguments.Number("count", 10'000))),
        first_(static_cast<std::uint64_t>(arguments.Number("first", 0))),
        repositories_(static_cast<std::uint64_t>(arguments.Number("repositories", 100))),
        rate_(arguments.Number("rate", 0)),
        path_(arguments.Text("path")),
        config_("{\"schemaVersion\":2,\"mediaType\":\"" + std::string(kManifest) +
                "\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" +
                arguments.Text("config") + "\",\"size\":" + arguments.Text("config_size", "0") +
                "},\"layers\":[],\"annotations\":{\"n\":\""),
        host_("Host: 127.0.0.1:" + arguments.Text("port") + "\r\nUser-Agent: bench\r\n") {
    latencies_.reserve(count_);
    if (!arguments.Text("times").empty()) times_.reserve(count_);
  }

  void Start(int connections) {
    begun_ = Now();
    for (int i = 0; i < connections; ++i) asio::co_spawn(io_, Connection(), asio::detached);
  }

  void Report(const std::string& times_file) {
    double seconds = static_cast<double>(ended_ - begun_) / 1e9;
    std::sort(latencies_.begin(), latencies_.end());
    auto at = [this](double share) {
      if (latencies_.empty()) return 0.0;
      auto place = static_cast<std::size_t>(share * static_cast<double>(latencies_.size() - 1));
      return static_cast<double>(latencies_[place]) / 1e6;
    };
    std::printf(
        "{\"ok\": %zu, \"errors\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"bytes\": %llu, \"p50_ms\": %.3f, "
        "\"p99_ms\": %.3f}\n",
        latencies_.size(), static_cast<unsigned long long>(errors_), seconds,
        static_cast<double>(latencies_.size()) / seconds, static_cast<unsigned long long>(bytes_), at(0.5), at(0.99));
    if (times_file.empty()) return;
    std::ofstream out(times_file);
    for (const auto& [number, when] : times_) out << number << ' ' << when << '\n';
  }

 private:
  std::string RequestOf(std::uint64_t number) const {
    std::string repository = std::to_string(number % repositories_);
    if (!put_) {
      std::string target = path_;
      if (auto place = target.find('%'); place != std::string::npos) target.replace(place, 1, repository);
      return "GET " + target + " HTTP/1.1\r\n" + host_ + "Accept: " + std::string(kManifest) + "\r\n\r\n";
    }
    std::string name = std::to_string(number);
    std::string body = config_ + name + "\"}}";
    return "PUT /v2/bench/r" + repository + "/manifests/b" + name + " HTTP/1.1\r\n" + host_ +
           "Content-Type: " + std::string(kManifest) + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  asio::awaitable<void> Connection() {
    Socket socket(io_);
    asio::steady_timer timer(io_);
    std::string buffer;
    while (next_ < count_) {
      std::uint64_t ticket = next_++;
      std::uint64_t number = first_ + ticket;
      try {
        if (rate_ > 0) {
          auto offset = std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(ticket) / rate_ * 1e9));
          timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(begun_)) + offset);
          co_await timer.async_wait(asio::use_awaitable);
        }
        if (!socket.is_open()) {
          co_await socket.async_connect(to_, asio::use_awaitable);
          socket.set_option(asio::ip::tcp::no_delay(true));
          buffer.clear();
        }
        std::string request = RequestOf(number);
        std::int64_t sent = Now();
        co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
        Message answer = co_await ReadMessage(socket, buffer, false);
        Count(number, answer, sent);
      } catch (const boost::system::system_error&) {
        ++errors_;
        socket = Socket(io_);
      }
    }
    ended_ = std::max(ended_, Now());
  }

  void Count(std::uint64_t number, const Message& answer, std::int64_t sent) {
    std::int64_t now = Now();
    if (answer.status() / 100 != 2) {
      ++errors_;
      return;
    }
    latencies_.push_back(now - sent);
    bytes_ += answer.length;
    if (times_.capacity() > 0) times_.emplace_back(number, now);
  }

  asio::io_context& io_;
  asio::ip::tcp::endpoint to_;
  const bool put_;
  const std::uint64_t count_, first_, repositories_;
  const double rate_;
  const std::string path_, config_, host_;
  std::uint64_t next_ = 0, errors_ = 0, bytes_ = 0;
  std::int64_t begun_ = 0, ended_ = 0;
  std::vector<std::int64_t> latencies_;
  std::vector<std::pair<std::uint64_t, std::int64_t>> times_;
};

}  // namespace
}  // namespace portcall::bench

int main(int argc, char** argv) {
  namespace bench = portcall::bench;
  bench::Arguments arguments(argc, argv);
  bench::asio::io_context io(1);
  bench::Load load(io, arguments);
  load.Start(static_cast<int>(arguments.Number("connections", 16)));
  io.run();
  load.Report(arguments.Text("times"));
}
