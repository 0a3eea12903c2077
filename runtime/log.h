#pragma once

#include <atomic>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portcall::runtime {

enum class Level { kDebug, kInfo, kWarn, kError, kFatal };

struct LogField {
  std::string_view key;
  std::string value;
};

struct LogOptions {
  Level level = Level::kInfo;
  std::string formatter = "text";  // text (logrus: time="…" level=info msg="…" key=value), json, logstash
  std::vector<std::pair<std::string, std::string>> fields;  // on every line
};

// Lines for operators, on stderr, in the shape that Distribution's log has. Callable from any thread; a line is one
// write. Nobody passes a secret: fields hold names, never header values.
class Log {
 public:
  explicit Log(LogOptions options);
  ~Log();
  void Apply(LogOptions options);  // for reload

  bool Enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
  void Write(Level level, std::string_view message, std::span<const LogField> fields = {});
  void Debug(std::string_view m, std::initializer_list<LogField> f = {}) {
    Write(Level::kDebug, m, {f.begin(), f.size()});
  }
  void Info(std::string_view m, std::initializer_list<LogField> f = {}) {
    Write(Level::kInfo, m, {f.begin(), f.size()});
  }
  void Warn(std::string_view m, std::initializer_list<LogField> f = {}) {
    Write(Level::kWarn, m, {f.begin(), f.size()});
  }
  void Error(std::string_view m, std::initializer_list<LogField> f = {}) {
    Write(Level::kError, m, {f.begin(), f.size()});
  }

 private:
  struct Impl;
  std::atomic<Level> level_;
  std::unique_ptr<Impl> impl_;
};

// Combined-format access lines on stdout: buffered, flushed every 100 ms or 32 KiB by a thread of its own, and at the
// end. Callable from any thread; a full buffer (4 MiB, stdout not read) drops lines and says how many.
class AccessLog {
 public:
  explicit AccessLog(bool enabled);
  ~AccessLog();
  bool enabled() const { return enabled_; }
  void Write(std::string line);  // without the newline

 private:
  struct Impl;
  bool enabled_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace portcall::runtime
