#include "sinks/audit/log/housekeeping.h"

#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "runtime/files.h"
#include "runtime/time.h"
#include "sinks/audit/log/note_reader.h"
#include "sinks/audit/log/position.h"
#include "sinks/audit/log/record.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/log/trimming.h"

namespace portcall::sinks::audit {
namespace {

Result<void> Remove(const std::filesystem::path& file) {
  if (::unlink(file.c_str()) != 0) return runtime::FileError(errno, "removing", file);
  return {};
}

bool BeginsAsNamed(const Segment& segment) {
  Result<LineReader> lines = LineReader::Open(segment);
  std::string_view line;
  if (!lines || lines->Next(line) != LineReader::Got::kLine) return false;
  const std::optional<Link> link = LinkOf(line);
  return link && link->n == segment.first;
}

// Removes closed segments, oldest first.
class Retirement {
 public:
  Retirement(const Housekeeping& task, const SigningKey& key, const HidingLog& log)
      : task_(task), key_(key), log_(log) {}

  // When the last record of the oldest segment that stays was recorded; empty: no closed segment stays.
  Result<std::string> Run(const std::vector<Segment>& segments, std::uint64_t active) {
    Result<Position> start = LoadRetained(task_.folder, key_.verifier());
    if (!start && start.error().code == Errc::kNotFound) start = Position();
    if (!start) return start.error();
    for (std::size_t i = 0; i < segments.size() && segments[i].first < active; ++i) {
      const bool more = i + 1 < segments.size();
      const Segment next = more ? segments[i + 1] : Segment{active, false, task_.folder / SegmentName(active)};
      if (start->size() < next.first) {
        Result<Position> end = EndOf(segments[i], next, *start);
        if (!end) return end.error();
        if (!task_.IsOld(end->recorded)) return end->recorded;
        if (auto agreed = CompareRoot(*end); !agreed) return agreed.error();
        // The segment goes only after its end is remembered as the chain's beginning.
        if (auto saved = SaveRetained(task_.folder, *end, key_); !saved) return saved.error();
        start = std::move(*end);
      }
      if (auto removed = Remove(segments[i].file); !removed) return removed.error();
      log_.Info("audit log: removed an old segment", {{"file", segments[i].file.string()}});
    }
    return std::string();
  }

 private:
  // The chain's position after the segment.
  Result<Position> EndOf(const Segment& segment, const Segment& next, const Position& start) {
    if (start.size() != segment.first) {
      return Error(Errc::kInvalid, "records before " + segment.file.string() + " are missing");
    }
    Position end = start;
    Result<LineReader> lines = LineReader::Open(segment);
    if (!lines) return lines.error();
    std::string_view line;
    LineReader::Got got;
    while ((got = lines->Next(line)) == LineReader::Got::kLine) {
      if (!end.Follow(hashing_, line)) break;
    }
    if (got == LineReader::Got::kFailed) return Error(Errc::kUnavailable, lines->trouble());
    if (got == LineReader::Got::kEnd && end.size() > next.first) {
      return Error(Errc::kInvalid, next.file.string() +
                                       " begins by its name with a record that stands in the midst of " +
                                       segment.file.string() + ": somebody put it there; move it away");
    }
    if (got != LineReader::Got::kEnd || end.size() != next.first) {
      return Error(Errc::kInvalid, segment.file.string() + " is damaged at record " + std::to_string(end.size()));
    }
    end.segment = end.size();
    end.offset = 0;
    return end;
  }

  // Every rotation made a checkpoint, so there is one of the records up to a closed segment's end.
  Result<void> CompareRoot(const Position& end) {
    const std::filesystem::path file = task_.folder / kCheckpoints;
    Result<NoteReader> notes = NoteReader::Open(file, compared_);
    if (!notes) return notes.error();
    const std::string before = "records before " + std::to_string(end.size());
    while (true) {
      const auto note = notes->Next();
      if (!note) return note.error();
      if (!*note) break;
      const auto claimed = Checkpoint::Parse((*note)->text);
      if (claimed && claimed->size > end.size()) break;
      compared_ = (*note)->end;
      if (!claimed || claimed->size != end.size()) continue;
      const auto text = key_.verifier().Open((*note)->text);
      const auto checkpoint = text ? Checkpoint::Parse(*text) : std::nullopt;
      if (checkpoint && checkpoint->root == end.tree.Root(hashing_)) return {};
      return Error(Errc::kInvalid, before + " are not what their checkpoint covers");
    }
    return Error(Errc::kInvalid, file.string() + ": the checkpoint of the " + before + " is missing");
  }

  const Housekeeping& task_;
  const SigningKey& key_;
  const HidingLog& log_;
  Hashing hashing_;
  std::uint64_t compared_ = 0;  // checkpoints that stand before this place cover less than the segments to come
};

}  // namespace

bool Housekeeping::IsOld(std::string_view recorded) const {
  return keep.count() > 0 && recorded < runtime::Rfc3339Fixed((clock->Now() - keep).time_since_epoch().count());
}

std::string Tidy(const Housekeeping& task, std::uint64_t active, const SigningKey& key, const HidingLog& log) {
  std::string oldest;
  Result<std::vector<Segment>> segments = ListSegments(task.folder);
  if (segments && task.keep.count() > 0) {
    if (auto kept = Retirement(task, key, log).Run(*segments, active)) {
      oldest = std::move(*kept);
    } else {
      log.Error("audit log: old records are not removed", {{"error", kept.error().detail}});
    }
    if (const Result<Position> retained = LoadRetained(task.folder, key.verifier())) {
      if (auto prepared = PrepareTrimming(task.folder, retained->size()); !prepared) {
        log.Warn("audit log: old checkpoints are not removed", {{"error", prepared.error().detail}});
      }
    }
    segments = ListSegments(task.folder);
  }
  if (!segments) {
    log.Error("audit log: cannot be tidied", {{"error", segments.error().detail}});
    return oldest;
  }
  for (const Segment& segment : *segments) {
    if (segment.first >= active || segment.compressed || !task.compress) continue;
    if (!BeginsAsNamed(segment)) {
      log.Error("audit log: a file has a segment's name and does not begin with its record; it is left alone",
                {{"file", segment.file.string()}});
      continue;
    }
    if (auto packed = Compress(segment); !packed) {
      log.Warn("audit log: a segment is not compressed", {{"error", packed.error().detail}});
    }
  }
  return oldest;
}

}  // namespace portcall::sinks::audit
