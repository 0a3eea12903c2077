#pragma once

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "app/admin/api.h"
#include "runtime/http/server.h"
#include "runtime/log.h"
#include "runtime/loops.h"

namespace portcall::app {

struct AdminDeps {
  AdminSources sources;
  std::function<bool()> audits;  // whether what is done and refused is to be recorded; any thread
  runtime::Log& log;
  runtime::Loop& loop;
};

// The API for operators on a Unix socket, for this process's user and root. Calls run on threads of its own, so that
// none of them delays anything else; what is refused, and what changed nothing because of a failure, is logged and,
// with audits(), recorded with who asked for it. Its owner is the composition root; what it is given outlives it.
class AdminServer {
 public:
  // Takes the socket; until Open, who connects waits.
  static Result<std::unique_ptr<AdminServer>> Listen(const std::filesystem::path& socket, AdminDeps deps);
  void Open() { server_->Open(); }
  ~AdminServer();  // calls under way come to their end first; their clients are not waited for

 private:
  explicit AdminServer(AdminDeps deps) : deps_(std::move(deps)) {}
  Task<http::Response> Serve(http::Request& request);
  void Record(const AdminRequest& request, const AdminAnswer& answer) const;

  const AdminDeps deps_;
  // Changes are made one at a time, and each that waits for its turn has a thread; one is left for who only looks.
  asio::thread_pool pool_{3};
  std::unique_ptr<http::Server> server_;
};

}  // namespace portcall::app
