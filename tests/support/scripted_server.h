#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace portcall::testing {

struct SeenRequest {
  std::string method, target;
  std::string head;  // everything up to the blank line, as received
  std::string body;
  int connection = 0;                              // counted from 0 in the order of acceptance
  std::string Field(std::string_view name) const;  // the first value, or empty
};

// What the server does once it has read a request.
struct Reply {
  enum class After { kKeepOpen, kClose, kReset };

  Reply() = default;
  explicit Reply(int status, std::string body = {}, std::vector<std::pair<std::string, std::string>> fields = {});
  static Reply Raw(std::string bytes, After after = After::kKeepOpen);  // no bytes: close without an answer
  Reply& Then(After what) { return after = what, *this; }
  Reply& Delayed(std::chrono::milliseconds d) { return delay = d, *this; }
  Reply& Held() { return held = true, *this; }  // sent once Release() was called
  Reply& Dripping(std::size_t size, std::chrono::milliseconds each) { return drip = size, pause = each, *this; }
  Reply& Repeated(std::string piece, std::uint64_t times) { return filler = std::move(piece), fill = times, *this; }

  std::string bytes;
  After after = After::kKeepOpen;
  std::chrono::milliseconds delay{0};
  bool held = false;
  std::size_t drip = 0;  // bytes at a time; 0: all at once
  std::chrono::milliseconds pause{0};
  std::string filler;  // sent `fill` times after `bytes`
  std::uint64_t fill = 0;
};

// A small real HTTP/1.1 server on 127.0.0.1 and a free port: blocking sockets, a thread for each connection. Queued
// replies are given in the order of the requests; after them, and without any, every request gets what `script` says
// (200 unless told otherwise). All methods from any thread.
class ScriptedServer {
 public:
  using Script = std::function<Reply(const SeenRequest&)>;
  explicit ScriptedServer(Script script = {});
  explicit ScriptedServer(std::vector<Reply> replies);
  ~ScriptedServer();  // closes everything

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "/") const;
  void Enqueue(Reply reply);
  void Release();           // lets held replies go, also later ones
  void CloseConnections();  // as a restart would: without a word on every open connection
  std::vector<SeenRequest> requests() const;
  int connections() const;  // accepted so far
  bool WaitForRequests(std::size_t n, std::chrono::milliseconds patience = std::chrono::seconds(20)) const;
  bool WaitForOpen(int n, std::chrono::milliseconds patience = std::chrono::seconds(20)) const;  // open connections

 private:
  void Accept();
  void Serve(int fd, int number);
  bool ReadRequest(int fd, std::string& input, SeenRequest& request);
  Reply Next(const SeenRequest& request);
  bool Perform(int fd, const Reply& reply);  // true: the connection goes on
  bool Pause(std::chrono::milliseconds d);   // false when the server ends

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<Reply> queued_;
  std::vector<SeenRequest> requests_;
  std::list<int> open_;
  int accepted_ = 0;
  bool released_ = false;
  bool ending_ = false;
  std::vector<std::jthread> workers_;
  std::jthread acceptor_;
};

}  // namespace portcall::testing
