#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "runtime/log.h"

namespace portcall::runtime {
namespace {

constexpr std::size_t kFlushBytes = 32 * 1024;
constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;  // beyond it lines are dropped and counted
constexpr std::chrono::milliseconds kFlushEvery{100};
constexpr std::chrono::seconds kPatienceAtEnd{1};

// True when PIPE_BUF bytes can be written without blocking. A write into a full pipe could not be given up.
bool Writable(std::chrono::milliseconds patience) {
  pollfd stdout_ready{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&stdout_ready, 1, static_cast<int>(patience.count())) == 1;
}

}  // namespace

struct AccessLog::Impl {
  Impl() : writer([this](const std::stop_token& stop) { Run(stop); }) {}

  void Run(const std::stop_token& stop);
  void WriteOut(std::string_view text, const std::stop_token& stop);

  std::mutex mutex;
  std::condition_variable_any wake;
  std::string buffer;
  std::size_t dropped = 0;
  std::jthread writer;
};

void AccessLog::Impl::Run(const std::stop_token& stop) {
  std::string batch;
  std::size_t reported = 0;
  while (true) {
    const bool last = stop.stop_requested();
    std::size_t lost = 0;
    {
      std::unique_lock lock(mutex);
      if (!last) wake.wait_for(lock, stop, kFlushEvery, [this] { return buffer.size() >= kFlushBytes; });
      batch.clear();
      batch.swap(buffer);
      lost = dropped;
    }
    WriteOut(batch, stop);
    if (lost != reported) {
      // The place in the log where the lines are missing.
      WriteOut("# " + std::to_string(lost - reported) + " access lines were dropped: stdout is not read fast enough\n",
               stop);
      reported = lost;
    }
    if (last) return;
  }
}

void AccessLog::Impl::WriteOut(std::string_view text, const std::stop_token& stop) {
  auto give_up = std::chrono::steady_clock::time_point::max();
  while (!text.empty()) {
    if (!Writable(kFlushEvery)) {
      if (!stop.stop_requested()) continue;
      const auto now = std::chrono::steady_clock::now();
      if (give_up == std::chrono::steady_clock::time_point::max()) give_up = now + kPatienceAtEnd;
      if (now >= give_up) return;
      continue;
    }
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return;  // closed: nobody is left to tell
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

AccessLog::AccessLog(bool enabled) : enabled_(enabled) {
  if (enabled) impl_ = std::make_unique<Impl>();
}

AccessLog::~AccessLog() = default;

void AccessLog::Write(std::string line) {
  if (!enabled_) return;
  bool full = false;
  {
    const std::lock_guard lock(impl_->mutex);
    std::string& buffer = impl_->buffer;
    if (buffer.size() + line.size() + 1 > kMaxBytes) {
      ++impl_->dropped;
      return;
    }
    const bool was_full = buffer.size() >= kFlushBytes;
    buffer += line;
    buffer.push_back('\n');
    full = !was_full && buffer.size() >= kFlushBytes;
  }
  if (full) impl_->wake.notify_one();
}

}  // namespace portcall::runtime
