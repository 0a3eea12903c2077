#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/server.h"
#include "runtime/loops.h"

namespace portcall::http {

// A blocking client that sees every byte; a read that takes longer than ten seconds fails the test by ending.
class RawClient {
 public:
  // From 127.0.0.`host`, with as small a buffer as there is for who will read slowly.
  explicit RawClient(std::uint16_t port, std::uint8_t host = 1, bool small_buffer = false);
  explicit RawClient(const std::filesystem::path& socket);  // a Unix one
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  void Send(std::string_view bytes);
  void EndSending();
  std::string ReadUntil(std::string_view mark);  // up to and with `mark`, or to the end
  std::string ReadBytes(std::size_t n);
  std::string ReadToEnd();
  // One response with the body that its Content-Length announces.
  std::string ReadResponse();
  bool AtEnd();  // waits until the server closes; false when it sends something instead
  int fd() const { return fd_; }

 private:
  bool Fill();
  int fd_;
  std::string received_;
};

// A client whose connection is busy: its answer of 8 MiB has begun, and it reads on no more.
std::unique_ptr<RawClient> SlowReader(std::uint16_t port, std::uint8_t host);

std::string BodyOf(const std::string& response);
int StatusOf(const std::string& response);

// A server on two loops with a handler of a few paths:
//   /echo the body; /ignore answers without reading; /throw; /assert, and /assert-later behind the
//   head; /file a file of `file_size` bytes; /big a megabyte;
//   /until-gone, once released, answers when nobody waits for it; /leave?x leaves x in the request's context;
//   /hold holds half a MiB that counts until it is released;
//   everything else: method, path and id.
class TestServer {
 public:
  explicit TestServer(ServerLimits limits = {}, TlsContext tls = nullptr, std::string addr = "127.0.0.1:0",
                      FileLane files = {}, runtime::MemoryBudget* memory = nullptr);
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  Server& server() { return *server_; }
  std::uint16_t port() const { return server_->port(); }
  std::vector<std::string> bugs();
  std::vector<std::string>
  exchanges();  // "METHOD path status read written", "cut 499", "gave room 499", and what was left
  std::vector<std::string> incidents();  // "kind peer_ip status what", kinds by their numbers
  const std::string& file() const { return file_; }

  void Occupy(std::chrono::milliseconds duration);  // the loops do nothing else meanwhile
  // Requests for /wait, /hold and /until-gone rest until Release, which may be called once, after WaitForWaiting.
  void WaitForWaiting();
  void Release();
  // Until so many have been told of, at most ten seconds.
  void WaitForExchanges(std::size_t number);
  void WaitForIncidents(std::size_t number);

 private:
  struct State;
  std::string file_;
  std::unique_ptr<State> state_;
  runtime::Loop first_{"test-1"};
  runtime::Loop second_{"test-2"};
  std::unique_ptr<Server> server_;
};

}  // namespace portcall::http
