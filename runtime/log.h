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

class LineWriter;

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

// Lines for operators, on stderr, in the shape that Distribution's log has. Callable from any thread, and never waits
// for stderr: while nobody reads it a mebibyte of lines is kept, and what comes then is dropped and counted in a line
// that follows. Only a fatal line waits until it is out, for a second at most, since the process ends after it. Never
// pass a secret: fields hold names, not header values.
class Log {
 public:
  explicit Log(LogOptions options);
  ~Log();                          // writes what is kept; gives up after a second
  void Apply(LogOptions options);  // for reload

  bool Enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }
  void Write(Level level, std::string_view message, std::span<const LogField> fields = {});
  bool Flush();  // waits until all lines are out; false: they were not within a second
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

// Ends the process after a bug: writes a fatal line to the current Log, or to stderr when there is none, and aborts.
[[noreturn]] void Die(std::string_view why);

// Combined-format access lines on stdout. Callable from any thread, and never waits: while nobody reads stdout 4 MiB
// are kept, and what comes then is dropped and counted in a line that follows.
class AccessLog {
 public:
  AccessLog();
  ~AccessLog();
  void Write(std::string line);  // without the newline
  bool Flush();                  // as Log::Flush

 private:
  std::unique_ptr<LineWriter> writer_;
};

}  // namespace portcall::runtime
