#include "app/doctor/installation.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "app/admin/socket_path.h"
#include "app/client/admin_client.h"
#include "app/server/data_lock.h"
#include "app/server/options.h"
#include "runtime/http/unix_socket.h"
#include "store/database_look.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;

constexpr int kOk = 200;

// Who listens on a socket, by the kernel's word. A process of another container has no number here.
std::optional<ucred> ListenerOf(const fs::path& socket) {
  const auto name = http::UnixName::Of(socket);
  if (!name) return std::nullopt;
  const runtime::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto endpoint = name->endpoint();
  if (!fd || ::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return std::nullopt;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

}  // namespace

Installation Asked(Installation found) {
  const auto reply = AdminClient(OperatorsSocket(found.root())).Call("GET", "/api/v1/endpoints");
  if (!reply) {
    found.silence = reply.error().detail;
    return found;
  }
  const auto answer = Answer::Parse(reply->body);
  found.answers = reply->status == kOk && answer;
  if (found.answers) {
    found.endpoints = *answer;
  } else {
    found.silence = "it answers " + std::to_string(reply->status);
  }
  return found;
}

std::optional<pid_t> HolderOf(const fs::path& file, const fs::path& root) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  pid_t told = 0;
  std::ifstream(file) >> told;
  std::ifstream locks(root / "proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // 1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF
    std::istringstream words(line);
    std::string number, kind, way, access, place;
    pid_t pid = 0;
    if (!(words >> number >> kind >> way >> access >> pid >> place) || kind != "FLOCK") continue;
    unsigned major = 0, minor = 0;
    unsigned long long inode = 0;
    if (std::sscanf(place.c_str(), "%x:%x:%llu", &major, &minor, &inode) != 3 || inode != status.st_ino) continue;
    // Of some file systems the number of the device is another one here.
    const bool same = major == ::major(status.st_dev) && minor == ::minor(status.st_dev);
    if (same || pid == told) return std::max(0, pid);
  }
  return std::nullopt;
}

Installation FindInstallation(config::ConfigPtr config, std::map<std::string, std::string> environment) {
  Installation found;
  found.config = std::move(config);
  found.environment = std::move(environment);
  found.me = found.server = Myself();
  struct stat status{};
  if (::stat(found.root().c_str(), &status) == 0) found.server = UserOf(status.st_uid, status.st_gid);
  const fs::path database = DatabaseOf(found.config->storage);
  found.database_open = store::IsOpenSomewhere(database);
  if (const auto holder = HolderOf(DataLock::FileOfFolder(found.root()))) {
    found.locked = true;
    found.pid = *holder;
  }
  if (const auto listener = ListenerOf(OperatorsSocket(found.root()))) {
    found.locked = true;  // who listens holds it
    found.pid = listener->pid;
    found.server = UserOf(listener->uid, listener->gid);
  }
  if (found.pid > 0) {
    if (auto runner = RunnerOf(found.pid)) found.server = *std::move(runner);
  }
  return found;
}

}  // namespace portcall::app
