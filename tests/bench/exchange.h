#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cctype>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace portcall::bench {

namespace asio = boost::asio;
using Socket = asio::ip::tcp::socket;

inline std::int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A message with a Content-Length, as both tools see it: just enough of HTTP not to be what is measured.
struct Message {
  std::string head;
  std::string body;  // empty when it was to be discarded
  std::uint64_t length = 0;
  int status() const { return head.size() > 12 ? std::atoi(head.c_str() + 9) : 0; }
};

inline std::uint64_t LengthOf(std::string_view head) {
  constexpr std::string_view kName = "\ncontent-length:";
  auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  auto found = std::search(head.begin(), head.end(), kName.begin(), kName.end(), same);
  if (found == head.end()) return 0;
  std::string_view value(found + kName.size(), head.end());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  std::uint64_t length = 0;
  std::from_chars(value.data(), value.data() + value.size(), length);
  return length;
}

// Reads one message; what follows it stays in `buffer`. Throws at the connection's end.
inline asio::awaitable<Message> ReadMessage(Socket& socket, std::string& buffer, bool keep_body) {
  std::string chunk(keep_body ? 16 * 1024 : 256 * 1024, '\0');
  auto more = [&]() -> asio::awaitable<std::size_t> {
    co_return co_await socket.async_read_some(asio::buffer(chunk), asio::use_awaitable);
  };
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    std::size_t n = co_await more();
    buffer.append(chunk, 0, n);
  }
  Message message;
  message.head = buffer.substr(0, end + 2);
  message.length = LengthOf(message.head);
  buffer.erase(0, end + 4);
  if (keep_body) {
    while (buffer.size() < message.length) {
      std::size_t n = co_await more();
      buffer.append(chunk, 0, n);
    }
    message.body = buffer.substr(0, message.length);
    buffer.erase(0, message.length);
    co_return message;
  }
  std::uint64_t left = message.length - std::min<std::uint64_t>(message.length, buffer.size());
  buffer.erase(0, std::min<std::uint64_t>(message.length, buffer.size()));
  while (left > 0) left -= std::min<std::uint64_t>(left, co_await more());
  co_return message;
}

}  // namespace portcall::bench
