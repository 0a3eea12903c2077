#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "app/commands/command_line.h"
#include "app/exit_code.h"
#include "app/server/signals.h"

// jemalloc's, where no sanitizer brings its own allocator.
extern "C" __attribute__((weak)) int mallctl(const char* name, void* old, size_t* old_size, void* value, size_t size);

#ifdef NDEBUG
#error "assertions are part of the program: see portcall_options in CMakeLists.txt"
#endif

namespace {

// Ten thousand connections do not fit into the soft limit that shells and service managers give.
void RaiseOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The next files that are opened would take the place of standard descriptors that the caller closed, and the log would
// be written into them.
void OccupyStandardDescriptors() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd < STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
}

// Without threads of its own jemalloc purges an arena only while somebody allocates from it, so that a server that has
// become idle would keep what its last rush took. Threads that it starts before main take no heed of what is held
// there.
void StartAllocatorThreads() {
  bool on = true;
  if (mallctl != nullptr) (void)mallctl("background_thread", nullptr, nullptr, &on, sizeof on);
}

}  // namespace

int main(int argc, char** argv) {
  portcall::app::HoldSignals();  // before there is any other thread
  StartAllocatorThreads();
  // sendfile and writes to a closed peer must fail, not kill.
  std::signal(SIGPIPE, SIG_IGN);
  // A file beyond the process's limit is like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  OccupyStandardDescriptors();
  RaiseOpenFiles();
  try {
    return portcall::app::Run(argc, argv, portcall::app::ReadEnvironment(environ), std::cout, std::cerr);
  } catch (const std::exception& e) {
    std::cerr << "portcall: " << e.what() << '\n';
    return portcall::app::kFailed;
  }
}
