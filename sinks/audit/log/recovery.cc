#include "sinks/audit/log/recovery.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <vector>

#include "runtime/files.h"
#include "sinks/audit/log/file_range.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/receipt.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::uint64_t kNotesTail = 64 << 10, kLongestNote = 4 << 10;
constexpr std::uint64_t kTextKept = 16 << 20;  // of records that are kept aside
constexpr std::uint64_t kLinesTail = 1 << 20;
constexpr std::string_view kSignature = "\n\n\xE2\x80\x94 ";

struct LastNote {
  std::string note;         // empty: there is none
  std::uint64_t bytes = 0;  // of the file up to its end
};

Result<LastNote> FindLastNote(const std::filesystem::path& path) {
  Result<runtime::Fd> file = OpenPlain(path, O_RDONLY);
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
  if (*size <= kLongestNote) return LastNote{};  // the first, which was cut short
  return Error(Errc::kInvalid, path.string() +
                                   " does not end in a checkpoint: it was changed, and nothing is written "
                                   "to it; see 'portcall audit verify'");
}

class Reader {
 public:
  Reader(const std::filesystem::path& folder, const VerifierKey& key, const HidingLog& log)
      : folder_(folder), key_(key), log_(log) {}

  Result<Recovered> Run(const std::string& receipt) {
    if (auto loaded = LoadCheckpoint(); !loaded) return loaded.error();
    std::vector<std::filesystem::path> strange;
    Result<std::vector<Segment>> segments = ListSegments(folder_, &strange);
    if (!segments) return segments.error();
    segments_ = std::move(*segments);
    for (const std::filesystem::path& one : strange) {
      log_.Error("audit log: something lies there that is none of its files; it is left alone",
                 {{"path", one.string()}, {"it is", WhyNotPlain(one)}});
    }
    if (auto known = LoadReceipt(receipt); !known) return known.error();
    if (receipt_) LeaveOutForeign();
    LeaveOutJunk();
    if (!segments_.empty() && segments_.back().first > checkpoint_.size) {
      return Damage("the audit log's checkpoint of the " + std::to_string(segments_.back().first) + " records before " +
                    segments_.back().file.string() + " is gone");
    }
    Result<Recovered> recovered = Resume();
    if (recovered && !junk_.empty()) {
      if (auto kept = KeepJunkAside(); !kept) return kept.error();
    }
    return recovered;
  }

 private:
  Result<Recovered> Resume() {
    const std::optional<Position> state = LoadState(folder_);
    if (state && state->size() > checkpoint_.size && Fits(*state)) {
      return Damage("the audit log's checkpoints of " + std::to_string(state->size()) + " records are gone");
    }
    // State counts only before the last signed record, so that reading from it always meets a signed root. State that
    // leads to a contradiction is ignored: the records themselves decide.
    const std::uint64_t signed_size = std::min(checkpoint_.size, receipt_ ? receipt_->checkpoint.size : UINT64_MAX);
    if (state && state->size() < signed_size && Fits(*state)) {
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

  // No file of this log begins beyond what its last checkpoint and the database know of.
  void LeaveOutForeign() {
    while (!segments_.empty() && segments_.back().first > proven()) {
      log_.Error("audit log: a file has the name of records that were never written; it is left alone",
                 {{"file", segments_.back().file.string()}, {"records", std::to_string(proven())}});
      segments_.pop_back();
    }
  }

  // No compressed segment begins where nothing vouches for a record: only what is closed is compressed, and a
  // checkpoint covers that. Without the database's word one that begins as such a segment does may be one, though.
  void LeaveOutJunk() {
    if (segments_.empty() || !segments_.back().compressed || segments_.back().first == 0) return;
    if (segments_.back().first != proven() || (!receipt_ && MayBeSegment(segments_.back()))) return;
    junk_ = segments_.back().file;
    segments_.pop_back();
  }

  static bool MayBeSegment(const Segment& segment) {
    Result<LineReader> lines = LineReader::Open(segment);
    std::string_view line;
    const auto got = lines ? lines->Next(line) : LineReader::Got::kFailed;
    if (got != LineReader::Got::kLine) return got == LineReader::Got::kFailed;
    const std::optional<Link> link = LinkOf(line);
    return link && link->n == segment.first;
  }

  // Its name is that of the segment to come.
  Result<void> KeepJunkAside() {
    const std::filesystem::path aside = AsideName("damaged-").concat(".gz");
    if (::rename(junk_.c_str(), aside.c_str()) != 0) return runtime::FileError(errno, "renaming", junk_);
    log_.Error("audit log: a file has the name of the next segment and is none; it is kept aside",
               {{"file", junk_.string()}, {"aside", aside.string()}});
    return runtime::SyncFolder(folder_);
  }

  std::filesystem::path AsideName(std::string_view prefix) const {
    const auto now = std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1);
    return folder_ / (std::string(prefix) + std::to_string(position_.size()) + '-' + std::to_string(now));
  }

  // The folder holds at most what a first start leaves behind when it is cut short.
  bool IsEmpty() const {
    const auto nothing = [](const Segment& segment) {
      std::error_code ignored;
      return segment.first == 0 && std::filesystem::file_size(segment.file, ignored) == 0;
    };
    return recovered_.checkpoints_bytes == 0 && !std::filesystem::exists(folder_ / kRetained) &&
           std::ranges::all_of(segments_, nothing);
  }

  Result<void> LoadReceipt(const std::string& receipt) {
    if (IsEmpty()) {
      recovered_.begun_anew = !receipt.empty();
      return {};
    }
    if (receipt.empty()) {
      log_.Warn("audit log: the database carries no root yet, so that only the folder speaks for its records",
                {{"folder", folder_.string()}, {"checkpointed", std::to_string(checkpoint_.size)}});
      return {};
    }
    receipt_ = Receipt::Open(receipt, key_);
    if (!receipt_) {
      return Damage("the database's root of the audit log was changed, or another key or origin signed it");
    }
    if (receipt_->covered > checkpoint_.size) {
      return Damage("the audit log's checkpoints end at record " + std::to_string(checkpoint_.size) +
                    ", but the database knows of one that covers " + std::to_string(receipt_->covered) +
                    ": checkpoints are gone");
    }
    return {};
  }

  // How many records the last checkpoint or the receipt vouches for.
  std::uint64_t proven() const { return std::max(checkpoint_.size, receipt_ ? receipt_->checkpoint.size : 0); }

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
                       "key, or move the folder aside, and a new log begins");
    }
    checkpoint_ = *checkpoint;
    recovered_.checkpointed = checkpoint_.size;
    recovered_.last_note = std::move(last->note);
    return {};
  }

  // The state's segment is there, and the line before the state's offset has the hash that the state holds.
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
    if (auto same = CompareRoots(); !same) return same.error();
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
    if (position_.size() < proven()) {
      return Damage("the audit log holds " + std::to_string(position_.size()) + " records, but the database knows of " +
                    std::to_string(proven()) + ": it was truncated, or restored from a copy");
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
    if (from == 0 && segment.first < position_.size()) {
      return Damage(segment.file.string() + " begins with record " + std::to_string(segment.first) +
                    " by its name, which stands in the midst of another file: somebody put it there");
    }
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
    while ((got = lines->Next(line)) == LineReader::Got::kLine && !IsComplete() && position_.Follow(hashing_, line)) {
      position_.offset = lines->offset();
      if (auto same = CompareRoots(); !same) return same;
      Progress();
    }
    if (got == LineReader::Got::kEnd) {
      recovered_.resumed = last && !segment.compressed;
      return {};
    }
    if (got == LineReader::Got::kFailed) return Error(Errc::kUnavailable, lines->trouble());
    const bool torn = got == LineReader::Got::kUnfinished;
    if (last && torn && position_.size() < proven()) return {};  // the caller says that it is too short
    if (!last || segment.compressed || position_.size() < proven()) {
      return Damage(segment.file.string() + ": record " + std::to_string(position_.size()) + " is damaged or missing");
    }
    recovered_.resumed = true;
    return CutTail(segment, torn);
  }

  // All that the database knows of is read, so the events of later records are sent again. Records past that are not
  // signed as they stand, because anybody might have written them.
  bool IsComplete() const { return receipt_ && position_.size() == proven(); }

  // Keeps the rest of a segment's file from the last good record on, which may be any length.
  Result<void> KeepAside(const runtime::Fd& file, std::uint64_t size, const std::filesystem::path& path) {
    const std::string record = std::to_string(position_.size());
    const std::string aside = AsideName(IsComplete() ? "unacknowledged-" : "damaged-").string();
    const std::string fresh = aside + ".tmp";
    ::unlink(fresh.c_str());
    Result<runtime::Fd> copy = OpenPlain(fresh, O_WRONLY | O_CREAT | O_EXCL);
    if (!copy) return copy.error();
    Result<void> kept = CopyRange(file, path, position_.offset, size, *copy, fresh, 0);
    if (kept) kept = SyncData(*copy, fresh);
    if (kept && ::rename(fresh.c_str(), aside.c_str()) != 0) kept = runtime::FileError(errno, "renaming", fresh);
    if (!kept) {
      ::unlink(fresh.c_str());
      return kept;
    }
    if (auto synced = runtime::SyncFolder(folder_); !synced) return synced;
    if (!IsComplete()) {
      log_.Error("audit log: what follows its last good record is kept aside", {{"record", record}, {"file", aside}});
      return {};
    }
    log_.Warn("audit log: records that the database does not know of are kept aside, their events are written again",
              {{"record", record}, {"file", aside}});
    if (size - position_.offset > kTextKept) return {};  // no records of ours, then
    Result<std::string> text = ReadRange(file, position_.offset, size, path);
    if (!text) return text.error();
    recovered_.aside = {aside, std::move(*text)};
    return {};
  }

  // Cuts what nothing vouches for: a write that a crash cut short, or whose acknowledgement it prevented. More than one
  // torn line is kept aside, because it might be something else.
  Result<void> CutTail(const Segment& segment, bool torn) {
    Result<runtime::Fd> file = OpenPlain(segment.file, O_RDWR);
    if (!file) return file.error();
    const Result<std::uint64_t> size = SizeOfFile(*file, segment.file);
    if (!size) return size.error();
    if (!torn) {
      if (auto kept = KeepAside(*file, *size, segment.file); !kept) return kept;
    }
    log_.Warn("audit log: cutting an unfinished write",
              {{"file", segment.file.string()}, {"bytes", std::to_string(*size - position_.offset)}});
    if (auto cut = Truncate(*file, position_.offset, segment.file); !cut) return cut;
    return SyncData(*file, segment.file);
  }

  Result<void> CompareRoots() {
    if (position_.size() == 0) return {};
    if (position_.size() == checkpoint_.size) {
      if (!Agrees(checkpoint_)) return Damage("the audit log's records are not those that its last checkpoint covers");
      recovered_.marked = position_;
    }
    if (receipt_ && position_.size() == receipt_->checkpoint.size && !Agrees(receipt_->checkpoint)) {
      return Damage(
          "the audit log's records are not those that the database knows of: they were changed, and the chain "
          "was computed anew");
    }
    return {};
  }
  bool Agrees(const Checkpoint& checkpoint) { return position_.tree.Root(hashing_) == checkpoint.root; }

  void Progress() {
    if ((position_.size() & 0xffff) != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::seconds(5)) return;
    told_ = now;
    log_.Info("audit log: reading all records again", {{"records", std::to_string(position_.size())}});
  }

  Error Damage(const std::string& what) const {
    return Error(Errc::kInvalid, what + "; its events wait: see 'portcall audit verify " + folder_.string() +
                                     "', then move the folder aside, and a new log begins");
  }

  const std::filesystem::path& folder_;
  const VerifierKey& key_;
  const HidingLog& log_;
  Hashing hashing_;
  std::vector<Segment> segments_;
  std::filesystem::path junk_;  // empty: there is none
  Checkpoint checkpoint_;
  std::optional<Receipt> receipt_;
  Position position_;
  Recovered recovered_;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<Hash> HashOfLineBefore(const std::filesystem::path& path, std::uint64_t offset) {
  Result<runtime::Fd> file = OpenPlain(path, O_RDONLY);
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

std::optional<std::string> FindOrigin(const std::filesystem::path& folder, const VerifierKey& key,
                                      const std::string& receipt) {
  const Result<LastNote> last = FindLastNote(folder / kCheckpoints);
  const Result<std::vector<Segment>> segments = ListSegments(folder);
  if (!last || !segments || segments->empty()) return std::nullopt;
  const std::string& note = last->note.empty() ? receipt : last->note;
  const auto claimed = Checkpoint::Parse(note);
  if (!claimed || !IsKeyName(claimed->origin) || !key.Named(claimed->origin).Open(note)) return std::nullopt;
  return claimed->origin;
}

Result<Recovered> Recover(const std::filesystem::path& folder, const VerifierKey& key, const std::string& receipt,
                          const HidingLog& log) {
  return Reader(folder, key, log).Run(receipt);
}

}  // namespace portcall::sinks::audit
