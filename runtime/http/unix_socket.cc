#include "runtime/http/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace portcall::http {
namespace {

namespace fs = std::filesystem;
using asio::local::stream_protocol;

constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
constexpr mode_t kMode = 0600;

Error Failed(const fs::path& path, const std::string& why) {
  return {Errc::kInvalid, "cannot listen on unix:" + path.string() + ": " + why};
}

// Whether a process answers at a socket's name; its queue may be full.
bool Answers(const UnixName& name) {
  asio::io_context context;
  asio::basic_stream_socket<stream_protocol, Executor> probe(context.get_executor());
  error_code ec;
  probe.open(stream_protocol(), ec);
  if (!ec) probe.non_blocking(true, ec);
  if (!ec) probe.connect(name.endpoint(), ec);
  return !ec || ec == asio::error::would_block || ec == asio::error::try_again;
}

// Whether what stands at `path`, if anything does, may be replaced.
Result<void> CheckPlace(const fs::path& path) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return {};
    return Failed(path, std::generic_category().message(errno));
  }
  if (!S_ISSOCK(there.st_mode)) return Failed(path, "what is there is no socket; move it away");
  const Result<UnixName> name = UnixName::Of(path);
  if (!name) return name.error();
  if (Answers(*name)) return Failed(path, "another process listens there; stop it");
  return {};
}

error_code Open(asio::basic_socket_acceptor<stream_protocol, Executor>& acceptor, const UnixName& name) {
  error_code ec;
  acceptor.open(stream_protocol(), ec);
  if (!ec && ::fchmod(acceptor.native_handle(), kMode) != 0) ec.assign(errno, boost::system::system_category());
  if (!ec) acceptor.bind(name.endpoint(), ec);
  if (!ec) acceptor.listen(Acceptor::max_listen_connections, ec);
  return ec;
}

}  // namespace

Result<UnixName> UnixName::Of(const fs::path& path) {
  UnixName name;
  name.name_ = path.string();
  if (path.filename().empty() || name.name_.find('\0') != std::string::npos) {
    return Error(Errc::kInvalid, "unix:" + name.name_ + " names no socket: write unix:/folder/name");
  }
  if (name.name_.size() <= kLongest) return name;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  name.folder_ = runtime::Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!name.folder_) return runtime::FileError(errno, "opening", folder);
  name.name_ = "/proc/self/fd/" + std::to_string(name.folder_.get()) + "/" + path.filename().string();
  if (name.name_.size() > kLongest) {
    return Error(Errc::kInvalid, "unix:" + path.string() + ": the name of the socket is too long");
  }
  return name;
}

void SocketFile::Remove() {
  if (path_.empty()) return;
  const fs::path path = std::exchange(path_, {});
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0 || there.st_dev != device_ || there.st_ino != inode_) return;
  ::unlink(path.c_str());
}

Result<UnixListener> ListenAt(const Executor& executor, const fs::path& path) {
  if (auto place = CheckPlace(path); !place) return place.error();
  const fs::path made = path.string() + ".new";
  const Result<UnixName> name = UnixName::Of(made);
  if (!name) return name.error().code == Errc::kInvalid ? name.error() : Failed(path, name.error().detail);
  ::unlink(made.c_str());  // what a crash in the middle of this left
  asio::basic_socket_acceptor<stream_protocol, Executor> acceptor(executor);
  const error_code ec = Open(acceptor, *name);
  struct stat own{};
  const bool seen = !ec && ::lstat(made.c_str(), &own) == 0;
  // A umask may have taken away more than is meant, so that its owner could not connect.
  if (!seen || ::chmod(made.c_str(), kMode) != 0 || ::rename(made.c_str(), path.c_str()) != 0) {
    const std::string why = ec ? ec.message() : std::generic_category().message(errno);
    if (seen) ::unlink(made.c_str());
    return Failed(path, why);
  }
  return UnixListener{Acceptor(std::move(acceptor)), SocketFile(path, own.st_dev, own.st_ino)};
}

}  // namespace portcall::http
