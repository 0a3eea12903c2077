#pragma once

#include <sys/types.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <string>
#include <utility>

#include "runtime/files.h"
#include "runtime/http/listener.h"
#include "runtime/result.h"

namespace portcall::http {

// Sockets in the file system, for processes of this machine (unix(7)). All of it blocks on the folder alone.

// A path as bind(2) and connect(2) take it. One that does not fit into their 108 bytes is named by its folder, which
// this object keeps open, in /proc/self/fd.
class UnixName {
 public:
  // kInvalid: no way leads there; kNotFound: the folder is not there.
  static Result<UnixName> Of(const std::filesystem::path& path);
  asio::local::stream_protocol::endpoint endpoint() const { return {name_}; }

 private:
  runtime::Fd folder_;
  std::string name_;
};

// The name of a socket that this process listens on. Goes with this object, unless another's stands there by then.
class SocketFile {
 public:
  SocketFile() = default;
  SocketFile(std::filesystem::path path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}
  SocketFile(SocketFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile() { Remove(); }
  void Remove();  // now, and once

 private:
  std::filesystem::path path_;  // empty: there is none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixListener {
  Acceptor acceptor;
  SocketFile file;
};
// Listens at `path`, for this process's user and root alone. The socket is made under a name of its own, `path` with
// ".new", with mode 0600 from the first moment, since fchmod(2) before bind(2) says what it is made with, whatever the
// umask; then it takes the place of one that an ended process has left, in one step. Two processes that do this for one
// path at once must know of each other by a lock. kInvalid: a process listens there, or it is no socket; the path is
// too long, or the folder does not take it.
Result<UnixListener> ListenAt(const Executor& executor, const std::filesystem::path& path);

}  // namespace portcall::http
