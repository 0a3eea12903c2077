#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "app/admin/api.h"
#include "runtime/gate.h"
#include "runtime/http/server.h"
#include "runtime/log.h"
#include "runtime/loops.h"

namespace portcall::app {

struct AdminDeps {
  AdminSources sources;
  std::function<bool()> audits;  // whether what is done and refused is to be recorded; any thread
  runtime::Log& log;
  runtime::Loop& loop;
  std::chrono::milliseconds patience{10'000};  // a call that takes longer is answered 503
};

// The API for operators on a Unix socket, for this process's user and root. Calls run on threads of its own, so that
// none of them delays anything else, and those that only look do not wait for changes. One that takes too long is
// answered 503: what has not begun by then, or whose client has left, is not done later. What is refused, and what
// changed nothing because of a failure, is logged and, with audits(), recorded with who asked for it; its answer does
// not wait for that. Its owner is the composition root; what it is given outlives it.
class AdminServer {
 public:
  // Takes the socket; until Open, who connects waits.
  static Result<std::unique_ptr<AdminServer>> Listen(const std::filesystem::path& socket, AdminDeps deps);
  void Open() { server_->Open(); }
  ~AdminServer();  // what is under way comes to its end first; clients are not waited for

 private:
  struct Call;
  explicit AdminServer(AdminDeps deps) : deps_(std::move(deps)) {}
  Task<http::Response> Serve(http::Request& request);
  Task<> Work(std::shared_ptr<Call> call);
  Task<AdminAnswer> Await(std::shared_ptr<Call> call, std::stop_token gone);
  AdminAnswer GiveUp(const AdminRequest& request, const char* why);
  Task<> Record(AdminRequest request, AdminAnswer answer);

  const AdminDeps deps_;
  // Changes are made one at a time, and each that waits for its turn has a thread.
  asio::thread_pool changes_{2}, looks_{2};
  runtime::Gate gate_;  // of the loop: calls, and what is to be recorded
  std::unique_ptr<http::Server> server_;
};

}  // namespace portcall::app
