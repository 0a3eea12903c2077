#include "runtime/log.h"

#include <unistd.h>

#include <cstdlib>

#include "runtime/clock.h"
#include "runtime/line_writer.h"
#include "runtime/log_format.h"
#include "runtime/mutex.h"
#include "runtime/time.h"

namespace portcall::runtime {
namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;

// The log that Die() writes to.
constinit Mutex current_mutex;
constinit Log* current GUARDED_BY(current_mutex) = nullptr;

class Formatter {
 public:
  void Apply(LogOptions options) {
    auto shared = std::make_shared<const LogOptions>(std::move(options));
    const MutexLock lock(mutex_);
    options_.swap(shared);
  }

  std::string Format(Level level, std::string_view message, std::span<const LogField> fields) {
    std::shared_ptr<const LogOptions> options;
    {
      const MutexLock lock(mutex_);
      options = options_;
    }
    const std::string time = Rfc3339Nano(SystemClock().Now().time_since_epoch().count());
    return FormatLine(*options, time, level, message, fields);
  }

 private:
  Mutex mutex_;
  std::shared_ptr<const LogOptions> options_ GUARDED_BY(mutex_);
};

LineWriter::Notice NoticeOf(std::shared_ptr<Formatter> formatter) {
  return [formatter = std::move(formatter)](std::size_t lines, std::string_view why) {
    const std::string message = std::to_string(lines) + " log lines were dropped: stderr " + std::string(why);
    return formatter->Format(Level::kError, message, {});
  };
}

}  // namespace

struct Log::Impl {
  std::shared_ptr<Formatter> formatter = std::make_shared<Formatter>();
  LineWriter writer{STDERR_FILENO, kMaxBytes, NoticeOf(formatter)};
};

Log::Log(LogOptions options) : level_(options.level), impl_(std::make_unique<Impl>()) {
  Apply(std::move(options));
  const MutexLock lock(current_mutex);
  current = this;
}

Log::~Log() {
  const MutexLock lock(current_mutex);
  if (current == this) current = nullptr;
}

void Log::Apply(LogOptions options) {
  level_.store(options.level, std::memory_order_relaxed);
  impl_->formatter->Apply(std::move(options));
}

void Log::Write(Level level, std::string_view message, std::span<const LogField> fields) {
  if (!Enabled(level)) return;
  const std::string line = impl_->formatter->Format(level, message, fields);
  if (level == Level::kFatal) {
    impl_->writer.WriteLast(line);
  } else {
    impl_->writer.Write(line);
  }
}

bool Log::Flush() { return impl_->writer.Flush(); }

void Die(std::string_view why) {
  {
    const MutexLock lock(current_mutex);
    if (current != nullptr) {
      current->Write(Level::kFatal, why);
      std::abort();
    }
  }
  Log({Level::kInfo, "text", {}}).Write(Level::kFatal, why);
  std::abort();
}

}  // namespace portcall::runtime
