#include "runtime/log.h"

#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "runtime/clock.h"
#include "runtime/log_format.h"
#include "runtime/time.h"

namespace portcall::runtime {
namespace {

// An unwritable stderr leaves nobody to tell.
void WriteToStderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

struct Log::Impl {
  std::mutex mutex;  // guards `options`
  std::shared_ptr<const LogOptions> options;
  std::mutex output;  // keeps lines longer than a pipe takes at once whole
};

Log::Log(LogOptions options) : level_(options.level), impl_(std::make_unique<Impl>()) { Apply(std::move(options)); }
Log::~Log() = default;

void Log::Apply(LogOptions options) {
  level_.store(options.level, std::memory_order_relaxed);
  auto shared = std::make_shared<const LogOptions>(std::move(options));
  const std::lock_guard lock(impl_->mutex);
  impl_->options.swap(shared);
}

void Log::Write(Level level, std::string_view message, std::span<const LogField> fields) {
  if (!Enabled(level)) return;
  std::shared_ptr<const LogOptions> options;
  {
    const std::lock_guard lock(impl_->mutex);
    options = impl_->options;
  }
  const std::string time = Rfc3339Nano(SystemClock().Now().time_since_epoch().count());
  const std::string line = FormatLine(*options, time, level, message, fields);
  const std::lock_guard lock(impl_->output);
  WriteToStderr(line);
}

}  // namespace portcall::runtime
