#include "sinks/audit/recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "runtime/files.h"
#include "sinks/audit/segments.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::uint64_t kNotesTail = 64 << 10;
constexpr std::uint64_t kLinesTail = 1 << 20;
constexpr std::string_view kSignature = "\n\n\xE2\x80\x94 ";

Result<std::string> ReadRange(const runtime::Fd& file, std::uint64_t begin, std::uint64_t end,
                              const std::filesystem::path& path) {
  std::string text(end - begin, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    Result<std::size_t> n = ReadAt(file, {text.data() + filled, text.size() - filled}, begin + filled, path);
    if (!n) return n.error();
    if (*n == 0) break;
    filled += *n;
  }
  text.resize(filled);
  return text;
}

struct LastNote {
  std::string note;         // empty: there is none
  std::uint64_t bytes = 0;  // of the file up to its end
};

Result<LastNote> FindLastNote(const std::filesystem::path& path) {
  Result<runtime::Fd> file = runtime::OpenFile(path, O_RDONLY);
  if (!file && file.error().code == Errc::kNotFound) return LastNote{};
  if (!file) return file.error();
  const Result<std::uint64_t> size = SizeOfFile(*file, path);
  if (!size) return size.error();
  const std::uint64_t begin = *size > kNotesTail ? *size - kNotesTail : 0;
  const Result<std::string> text = ReadRange(*file, begin, *size, path);
  if (!text) return text.error();
  for (std::size_t at = text->rfind(kSignature); at != std::string::npos; at = text->rfind(kSignature, at - 1)) {
    const std::size_t end = text->find('\n', at + kSignature.size());
    const std::size_t before = at == 0 ? std::string::npos : text->rfind("\n\n", at - 1);
    const std::size_t start = before == std::string::npos ? 0 : before + 2;
    if (end != std::string::npos) return LastNote{text->substr(start, end + 1 - start), begin + end + 1};
    if (at == 0) break;
  }
  return LastNote{};
}

class Reader {
 public:
  Reader(const std::filesystem::path& folder, const VerifierKey& key, runtime::Log& log)
      : folder_(folder), key_(key), log_(log) {}

  Result<Recovered> Run() {
    if (auto loaded = LoadCheckpoint(); !loaded) return loaded.error();
    Result<std::vector<Segment>> segments = ListSegments(folder_);
    if (!segments) return segments.error();
    segments_ = std::move(*segments);
    const std::optional<Position> state = LoadState(folder_);
    if (state && state->size() > checkpoint_.size && Fits(*state)) {
      return Damage("the audit log's checkpoints of " + std::to_string(state->size()) + " records are gone");
    }
    // At least the last record that the checkpoint covers is read, so that all that is gone on from is signed. State
    // that leads to a contradiction is worth nothing; the records themselves decide.
    if (state && state->size() < checkpoint_.size && Fits(*state)) {
      if (Result<Recovered> recovered = From(*state)) return recovered;
    }
    Result<Position> start = LoadRetained(folder_, key_);
    if (!start && start.error().code == Errc::kNotFound) start = Position();
    if (!start) return start.error();
    start->segment = start->size();
    start->offset = 0;
    std::erase_if(segments_, [&](const Segment& segment) { return segment.first < start->size(); });
    return From(*start);
  }

 private:
  Result<void> LoadCheckpoint() {
    Result<LastNote> last = FindLastNote(folder_ / kCheckpoints);
    if (!last) return last.error();
    recovered_.checkpoints_bytes = last->bytes;
    if (last->note.empty()) return {};
    const std::optional<std::string> text = key_.Open(last->note);
    const std::optional<Checkpoint> checkpoint = text ? Checkpoint::Parse(*text) : std::nullopt;
    if (!checkpoint) {
      return Error(Errc::kInvalid,
                   (folder_ / kCheckpoints).string() +
                       ": the last checkpoint was changed, or another key or origin signed it: restore the "
                       "key, or begin an audit log in a new folder");
    }
    checkpoint_ = *checkpoint;
    recovered_.checkpointed = checkpoint_.size;
    recovered_.last_note = std::move(last->note);
    return {};
  }

  // The state's segment is there as the state knows it.
  bool Fits(const Position& state) const {
    const auto found = std::ranges::find(segments_, state.segment, &Segment::first);
    if (found == segments_.end() || found->compressed) return false;
    if (state.offset == 0) return state.segment == state.size();
    const Result<Hash> hash = HashOfLineBefore(found->file, state.offset);
    return hash && *hash == state.prev;
  }

  Result<Recovered> From(const Position& start) {
    position_ = recovered_.marked = start;
    if (position_.size() > checkpoint_.size) {
      return Damage("the audit log's checkpoints are missing since record " + std::to_string(checkpoint_.size));
    }
    if (auto same = CompareRoot(); !same) return same.error();
    recovered_.resumed = false;
    for (const Segment& segment : segments_) {
      if (segment.first < start.segment) continue;
      if (auto read = Read(segment, &segment == &segments_.back()); !read) return read.error();
    }
    if (position_.size() < checkpoint_.size) {
      return Damage("the audit log holds " + std::to_string(position_.size()) +
                    " records, but its last checkpoint covers " + std::to_string(checkpoint_.size) +
                    ": it was truncated, or restored from a copy");
    }
    recovered_.position = position_;
    if (recovered_.resumed) recovered_.begun = FirstRecorded(segments_.back());
    return recovered_;
  }

  static std::string FirstRecorded(const Segment& segment) {
    Result<LineReader> lines = LineReader::Open(segment);
    std::string_view line;
    if (!lines || lines->Next(line) != LineReader::Got::kLine) return {};
    const std::optional<Link> link = LinkOf(line);
    return link ? std::string(link->recorded) : std::string();
  }

  Result<void> Read(const Segment& segment, bool last) {
    const std::uint64_t from = segment.first == position_.segment ? position_.offset : 0;
    if (from == 0 && segment.first != position_.size()) {
      return Damage("records " + std::to_string(position_.size()) + " to " + std::to_string(segment.first - 1) +
                    " are missing before " + segment.file.string());
    }
    Result<LineReader> lines = LineReader::Open(segment, from);
    if (!lines) return lines.error();
    position_.segment = segment.first;
    position_.offset = from;
    std::string_view line;
    LineReader::Got got;
    while ((got = lines->Next(line)) == LineReader::Got::kLine && position_.Follow(hashing_, line)) {
      position_.offset = lines->offset();
      if (auto same = CompareRoot(); !same) return same;
      Progress();
    }
    if (got == LineReader::Got::kEnd) {
      recovered_.resumed = last && !segment.compressed;
      return {};
    }
    const bool torn = got == LineReader::Got::kUnfinished;
    if (last && torn && position_.size() < checkpoint_.size) return {};  // the caller says that it is too short
    if (!last || segment.compressed || position_.size() < checkpoint_.size) {
      return Damage(segment.file.string() + ": record " + std::to_string(position_.size()) + " is damaged or missing");
    }
    recovered_.resumed = true;
    return CutTail(segment, torn);
  }

  // What no checkpoint covers and is no record any more: a write that a crash cut short. Beyond one torn line it is
  // kept aside, because it might be something else.
  Result<void> CutTail(const Segment& segment, bool torn) {
    Result<runtime::Fd> file = runtime::OpenFile(segment.file, O_RDWR);
    if (!file) return file.error();
    const Result<std::uint64_t> size = SizeOfFile(*file, segment.file);
    if (!size) return size.error();
    if (!torn) {
      const Result<std::string> rest = ReadRange(*file, position_.offset, *size, segment.file);
      if (!rest) return rest.error();
      const auto now = std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1);
      const std::string aside =
          (folder_ / ("damaged-" + std::to_string(position_.size()) + '-' + std::to_string(now))).string();
      if (auto kept = runtime::ReplaceFile(aside, *rest, 0640); !kept) return kept;
      log_.Error("audit log: what follows its last good record is kept aside",
                 {{"record", std::to_string(position_.size())}, {"file", aside}});
    }
    log_.Warn("audit log: cutting an unfinished write",
              {{"file", segment.file.string()}, {"bytes", std::to_string(*size - position_.offset)}});
    if (auto cut = Truncate(*file, position_.offset, segment.file); !cut) return cut;
    return SyncData(*file, segment.file);
  }

  Result<void> CompareRoot() {
    if (position_.size() != checkpoint_.size || checkpoint_.size == 0) return {};
    if (position_.tree.Root(hashing_) == checkpoint_.root) {
      recovered_.marked = position_;
      return {};
    }
    return Damage("the audit log's records are not those that its last checkpoint covers");
  }

  void Progress() {
    if ((position_.size() & 0xffff) != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::seconds(5)) return;
    told_ = now;
    log_.Info("audit log: reading all records again", {{"records", std::to_string(position_.size())}});
  }

  Error Damage(const std::string& what) const {
    return Error(Errc::kInvalid, what + "; see 'portcall audit verify " + folder_.string() +
                                     "', then begin an audit log in a new folder");
  }

  const std::filesystem::path& folder_;
  const VerifierKey& key_;
  runtime::Log& log_;
  Hashing hashing_;
  std::vector<Segment> segments_;
  Checkpoint checkpoint_;
  Position position_;
  Recovered recovered_;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<Hash> HashOfLineBefore(const std::filesystem::path& path, std::uint64_t offset) {
  Result<runtime::Fd> file = runtime::OpenFile(path, O_RDONLY);
  if (!file) return file.error();
  const std::uint64_t begin = offset > kLinesTail ? offset - kLinesTail : 0;
  const Result<std::string> text = ReadRange(*file, begin, offset, path);
  if (!text) return text.error();
  if (text->size() != offset - begin || text->empty() || text->back() != '\n') {
    return Error(Errc::kInvalid, path.string() + " is not as long as it was");
  }
  const std::size_t start = text->size() < 2 ? std::string::npos : text->rfind('\n', text->size() - 2);
  std::string_view line = *text;
  line.remove_prefix(start == std::string::npos ? 0 : start + 1);
  line.remove_suffix(1);
  return Hashing().Leaf(line);
}

Result<Recovered> Recover(const std::filesystem::path& folder, const VerifierKey& key, runtime::Log& log) {
  return Reader(folder, key, log).Run();
}

}  // namespace portcall::sinks::audit
