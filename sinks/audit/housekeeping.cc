#include "sinks/audit/housekeeping.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "runtime/files.h"
#include "sinks/audit/position.h"
#include "sinks/audit/segments.h"

namespace portcall::sinks::audit {
namespace {

// When the last record was written; compression keeps it.
Result<std::chrono::nanoseconds> AgeOf(const std::filesystem::path& file, const runtime::Clock& clock) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return runtime::FileError(errno, "looking at", file);
  const auto written = std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return clock.Now().time_since_epoch() - written;
}

Result<void> Remove(const std::filesystem::path& file) {
  if (::unlink(file.c_str()) != 0) return runtime::FileError(errno, "removing", file);
  return {};
}

// The segment goes only after its end is remembered as the chain's beginning.
Result<void> Retire(const Segment& segment, std::uint64_t next, Position& start, const Housekeeping& task,
                    const SigningKey& key) {
  if (start.size() >= next) return Remove(segment.file);  // remembered already
  if (start.size() != segment.first) {
    return Error(Errc::kInvalid, "records before " + segment.file.string() + " are missing");
  }
  Position end = start;
  Hashing hashing;
  Result<LineReader> lines = LineReader::Open(segment);
  if (!lines) return lines.error();
  std::string_view line;
  LineReader::Got got;
  while ((got = lines->Next(line)) == LineReader::Got::kLine) {
    if (!end.Follow(hashing, line)) break;
  }
  if (got != LineReader::Got::kEnd || end.size() != next) {
    return Error(Errc::kInvalid, segment.file.string() + " is damaged at record " + std::to_string(end.size()));
  }
  end.segment = end.size();
  end.offset = 0;
  if (auto saved = SaveRetained(task.folder, end, key); !saved) return saved;
  start = std::move(end);
  return Remove(segment.file);
}

Result<void> RetireOld(const std::vector<Segment>& segments, std::uint64_t active, const Housekeeping& task,
                       const SigningKey& key, runtime::Log& log) {
  Result<Position> start = LoadRetained(task.folder, key.verifier());
  if (!start && start.error().code == Errc::kNotFound) start = Position();
  if (!start) return start.error();
  for (std::size_t i = 0; i < segments.size() && segments[i].first < active; ++i) {
    const Result<std::chrono::nanoseconds> age = AgeOf(segments[i].file, *task.clock);
    if (!age) return age.error();
    if (*age <= task.keep) break;
    const std::uint64_t next = i + 1 < segments.size() ? segments[i + 1].first : active;
    if (auto retired = Retire(segments[i], next, *start, task, key); !retired) return retired;
    log.Info("audit log: removed an old segment", {{"file", segments[i].file.string()}});
  }
  return {};
}

}  // namespace

void Tidy(const Housekeeping& task, std::uint64_t active, const SigningKey& key, runtime::Log& log) {
  Result<std::vector<Segment>> segments = ListSegments(task.folder);
  if (segments && task.keep.count() > 0) {
    if (auto retired = RetireOld(*segments, active, task, key, log); !retired) {
      log.Error("audit log: old records are not removed", {{"error", retired.error().detail}});
    }
    segments = ListSegments(task.folder);
  }
  if (!segments) return log.Error("audit log: cannot be tidied", {{"error", segments.error().detail}});
  for (const Segment& segment : *segments) {
    if (segment.first >= active || segment.compressed || !task.compress) continue;
    if (auto packed = Compress(segment); !packed) {
      log.Warn("audit log: a segment is not compressed", {{"error", packed.error().detail}});
    }
  }
}

}  // namespace portcall::sinks::audit
