// A receiver of notifications that is no bottleneck: one thread, one coroutine per connection.
//   bench_receiver [port=0] [mode=now|delay|hold|never|flaky|busy] [delay_ms=20]
// Prints its port, then obeys lines on stdin: now, delay MS, hold, never, flaky, busy MS, reset, stats, times FILE,
// quit.
//   flaky: half of the requests, at random, are answered 503 at once
//   busy:  four are served at a time, in MS milliseconds each; more are answered 503 at once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <utility>
#include <vector>

#include "tests/bench/arguments.h"
#include "tests/bench/exchange.h"

namespace portcall::bench {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kRefusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
constexpr int kPlaces = 4;

class Receiver {
 public:
  Receiver(asio::io_context& io, const Arguments& arguments)
      : io_(io),
        acceptor_(io, {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(arguments.Number("port", 0))}),
        release_(io, std::chrono::steady_clock::time_point::max()),
        mode_(arguments.Text("mode", "now")),
        delay_(static_cast<int>(arguments.Number("delay_ms", 20))) {
    std::printf("%u\n", static_cast<unsigned>(acceptor_.local_endpoint().port()));
    std::fflush(stdout);
  }

  asio::awaitable<void> Accept() {
    for (;;) {
      Socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      socket.set_option(asio::ip::tcp::no_delay(true));
      asio::co_spawn(io_, Serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> Obey() {
    asio::posix::stream_descriptor input(io_, ::dup(0));
    asio::streambuf buffer;
    for (;;) {
      auto [failed, n] = co_await asio::async_read_until(input, buffer, '\n', asio::as_tuple(asio::use_awaitable));
      if (failed) break;
      std::istream stream(&buffer);
      std::string line;
      std::getline(stream, line);
      if (line == "quit") break;
      Do(line);
      std::printf("{\"count\": %llu, \"refused\": %llu, \"first\": %lld, \"last\": %lld}\n",
                  static_cast<unsigned long long>(count_), static_cast<unsigned long long>(refused_),
                  static_cast<long long>(first_), static_cast<long long>(last_));
      std::fflush(stdout);
    }
    io_.stop();
  }

 private:
  void Do(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "reset") {
      count_ = refused_ = 0;
      first_ = last_ = 0;
      arrivals_.clear();
    } else if (verb == "times") {
      std::string file;
      words >> file;
      std::ofstream out(file);
      for (const auto& [key, at] : arrivals_) out << key << ' ' << at << '\n';
    } else if (verb != "stats") {
      mode_ = verb;
      words >> delay_;
      release_.cancel();
    }
  }

  asio::awaitable<void> Serve(Socket socket) {
    std::string buffer;
    asio::steady_timer timer(io_);
    try {
      for (;;) {
        Message message = co_await ReadMessage(socket, buffer, true);
        last_ = Now();
        if (count_++ == 0) first_ = last_;
        Remember(message.body);
        while (mode_ == "hold" || mode_ == "never") {
          co_await release_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        if ((mode_ == "flaky" && random_() % 2 == 0) || (mode_ == "busy" && serving_ == kPlaces)) {
          ++refused_;
          co_await asio::async_write(socket, asio::buffer(kRefusal), asio::use_awaitable);
          continue;
        }
        if (mode_ == "delay" || mode_ == "busy") {
          ++serving_;
          timer.expires_after(std::chrono::milliseconds(delay_));
          co_await timer.async_wait(asio::use_awaitable);
          --serving_;
        }
        co_await asio::async_write(socket, asio::buffer(kAnswer), asio::use_awaitable);
      }
    } catch (const boost::system::system_error&) {
    }
  }

  // The load generator's tags are b0, b1, …: when did each arrive first?
  void Remember(std::string_view body) {
    constexpr std::string_view kTag = "\"tag\": \"b";
    auto found = body.find(kTag);
    if (found == std::string_view::npos) return;
    const char* from = body.data() + found + kTag.size();
    std::uint64_t number = 0;
    std::from_chars(from, body.data() + body.size(), number);
    arrivals_.emplace_back(number, last_);
  }

  asio::io_context& io_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer release_;
  std::string mode_;
  int delay_;
  int serving_ = 0;
  std::minstd_rand random_;
  std::uint64_t count_ = 0, refused_ = 0;
  std::int64_t first_ = 0, last_ = 0;
  std::vector<std::pair<std::uint64_t, std::int64_t>> arrivals_;
};

}  // namespace
}  // namespace portcall::bench

int main(int argc, char** argv) {
  namespace bench = portcall::bench;
  bench::asio::io_context io(1);
  bench::Receiver receiver(io, bench::Arguments(argc, argv));
  bench::asio::co_spawn(io, receiver.Accept(), bench::asio::detached);
  bench::asio::co_spawn(io, receiver.Obey(), bench::asio::detached);
  io.run();
}
