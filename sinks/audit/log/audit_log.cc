#include "sinks/audit/log/audit_log.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "runtime/failpoint.h"
#include "runtime/time.h"
#include "sinks/audit/log/folder_lock.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/receipt.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/log/trimming.h"

namespace portcall::sinks::audit {

AuditLog::AuditLog(LogOptions options, std::shared_ptr<const SigningKey> key, const HidingLog& log)
    : options_(std::move(options)), key_(std::move(key)), log_(log), checkpointed_at_(options_.clock->Ticks()) {}

Result<std::unique_ptr<AuditLog>> AuditLog::Open(LogOptions options, std::shared_ptr<const SigningKey> key,
                                                 const HidingLog& log) {
  if (auto made = runtime::MakeFolders(options.folder, 0750); !made) return made.error();
  Result<runtime::Fd> lock = LockFolder(options.folder);
  if (!lock) return lock.error();
  return Open(std::move(options), std::move(key), log, std::move(*lock));
}

Result<std::unique_ptr<AuditLog>> AuditLog::Open(LogOptions options, std::shared_ptr<const SigningKey> key,
                                                 const HidingLog& log, runtime::Fd lock) {
  std::unique_ptr<AuditLog> opened(new AuditLog(std::move(options), std::move(key), log));
  if (auto begun = opened->Begin(std::move(lock)); !begun) return begun.error();
  return opened;
}

AuditLog::~AuditLog() = default;

Result<void> AuditLog::End() {
  if (!file_ || position_.size() == checkpointed_) return {};
  if (auto same = CheckFiles(); !same) return same;
  return MakeCheckpoint();
}

Result<void> AuditLog::Begin(runtime::Fd lock) {
  Result<Recovered> recovered = Recover(options_.folder, key_->verifier(), options_.receipt, log_);
  if (!recovered) return recovered.error();
  lock_ = std::move(lock);
  position_ = std::move(recovered->position);
  marked_ = std::move(recovered->marked);
  begun_ = recovered->begun.empty() ? runtime::Rfc3339Fixed(options_.clock->Now().time_since_epoch().count())
                                    : recovered->begun;
  checkpointed_ = recovered->checkpointed;
  checkpoints_bytes_ = recovered->checkpoints_bytes;
  news_ = position_.size() - checkpointed_;
  aside_ = std::move(recovered->aside);
  begun_anew_ = recovered->begun_anew;
  recent_ = RecentEvents::Load(options_.folder, position_);
  if (begun_anew_) {
    const auto before = Checkpoint::Parse(options_.receipt);
    log_.Error("audit log: the folder is empty, but the database knows of an audit log: a new one begins",
               {{"folder", options_.folder.string()}, {"records", std::to_string(before ? before->size : 0)}});
  }
  // The last checkpoint may have been made just before the process ended, and so never published.
  last_note_ = std::move(recovered->last_note);
  if (!last_note_.empty()) {
    notes_.push_back(last_note_);
    if (auto whole = OpenNotes(); !whole) return whole;
  }
  if (auto begun = recovered->resumed ? Heal() : Rotate(); !begun) return begun;
  // After the segment: where the key lies, a log was begun.
  const std::string verifier = key_->verifier().Text() + '\n';
  const std::filesystem::path beside = options_.folder / kPublicKey;
  if (const Result<std::string> old = ReadPlain(beside); old && *old == verifier) return {};
  return runtime::ReplaceFile(beside, verifier, 0644);
}

std::filesystem::path AuditLog::Path() const { return options_.folder / SegmentName(position_.segment); }

Result<void> AuditLog::OpenSegment() {
  Result<runtime::Fd> file = OpenPlain(Path(), O_RDWR | O_CREAT);
  if (!file) return file.error();
  const Result<std::uint64_t> size = SizeOfFile(*file, Path());
  if (!size) return size.error();
  if (*size > 0) {
    return Error(Errc::kInvalid, Path().string() +
                                     " is there already, though no record has come to it: somebody put "
                                     "it there");
  }
  if (auto synced = runtime::SyncFolder(options_.folder); !synced) return synced;
  file_ = std::move(*file);
  return {};
}

// After a failed write only what was on disk before it counts: cuts the rest, through a new descriptor, and compares
// the last line that counts with the hash in memory.
Result<void> AuditLog::Heal() {
  Result<runtime::Fd> file = OpenPlain(Path(), O_RDWR);
  if (!file) return file.error();
  const Result<std::uint64_t> size = SizeOfFile(*file, Path());
  if (!size) return size.error();
  if (*size > position_.offset) {
    if (auto cut = Truncate(*file, position_.offset, Path()); !cut) return cut;
  }
  if (position_.offset > 0) {
    const Result<Hash> hash = HashOfLineBefore(Path(), position_.offset);
    if (!hash) return hash.error();
    if (*hash != position_.prev) {
      return Error(Errc::kInvalid, Path().string() + " is not what was written to it: run 'portcall audit verify'");
    }
  }
  if (auto synced = SyncData(*file, Path()); !synced) return synced;
  file_ = std::move(*file);
  return {};
}

// What lies there must be what was left there: the next checkpoint would cover up what became of it.
Result<void> AuditLog::CheckFiles() const {
  const auto as_left = [](const runtime::Fd& file, const std::filesystem::path& path, std::uint64_t size) {
    if (!file) return true;
    const Result<std::uint64_t> now = SizeOfFile(file, path);
    return now && *now == size && runtime::IsNamed(file, path);
  };
  const std::filesystem::path notes = options_.folder / kCheckpoints;
  std::string changed;
  if (!HoldsLock(lock_, options_.folder)) changed = "its lock";
  if (!as_left(notes_file_, notes, checkpoints_bytes_)) changed = notes.string();
  if (!as_left(file_, Path(), position_.offset)) changed = Path().string();
  if (changed.empty()) return {};
  return Error(Errc::kInvalid, "while the audit log was written, somebody removed, replaced or changed " + changed +
                                   ": run 'portcall audit verify " + options_.folder.string() + '\'');
}

// Readies the segment for writing: heals one whose end is unknown, rotates when due.
Result<void> AuditLog::Prepare() {
  if (auto same = CheckFiles(); !same) return same;
  if (!file_) {
    if (auto healed = Heal(); !healed) return healed;
  }
  return RotationDue() ? Rotate() : Result<void>();
}

Result<void> AuditLog::Append(std::span<const store::EventPtr> events) {
  if (auto prepared = Prepare(); !prepared) return prepared;
  Position next = position_;
  std::uint64_t news = 0;
  std::string bytes;
  std::vector<std::pair<std::int64_t, std::string>> added;
  for (const store::EventPtr& event : events) {
    std::string recorded = runtime::Rfc3339Fixed(event->recorded_at);
    if (recent_.Contains(event->seq, recorded)) continue;
    if (event->seq <= next.seq && recorded > next.recorded) {
      log_.Warn("audit log: the registry's log was begun anew; the chain goes on",
                {{"seq", std::to_string(event->seq)}, {"before", std::to_string(next.seq)}});
    }
    Record record = RecordOf(*event, options_.source);
    record.n = next.size();
    record.prev = HexOf(next.prev);
    const std::string line = LineOf(record, options_.format);
    next.prev = hashing_.Leaf(line);
    next.tree.Append(hashing_, next.prev);
    next.seq = event->seq;
    next.recorded = recorded;
    added.emplace_back(event->seq, std::move(recorded));
    if (event->action != store::Action::kCheckpoint) ++news;
    bytes += line;
    bytes += '\n';
  }
  if (bytes.empty()) return {};
  if (auto written = Write(bytes); !written) return written;
  next.offset += bytes.size();
  position_ = std::move(next);
  for (auto& [seq, recorded] : added) recent_.Add(seq, std::move(recorded));
  news_ += news;
  Recognize(bytes);
  runtime::Failpoint("audit_after_write");
  return {};
}

// Events that were not acknowledged come again after a crash. Where they make the same records that were kept aside,
// the file with those is removed.
void AuditLog::Recognize(std::string_view bytes) {
  if (aside_.text.empty()) return;
  const std::size_t compared = std::min(bytes.size(), aside_.text.size());
  if (!bytes.starts_with(std::string_view(aside_.text).substr(0, compared))) {
    aside_ = {};
    return;
  }
  aside_.text.erase(0, compared);
  std::error_code ignored;
  if (aside_.text.empty()) std::filesystem::remove(aside_.file, ignored);
}

Result<void> AuditLog::Write(std::string_view bytes) {
  Result<void> written = WriteAt(file_, bytes, position_.offset, Path());
  const bool whole = static_cast<bool>(written);
  if (whole) written = SyncData(file_, Path());
  if (written) return {};
  // After a failed sync the file's content is unknown, so it is closed; a failed write is cut at once to free its room.
  if (whole || !Truncate(file_, position_.offset, Path())) file_ = runtime::Fd();
  return written;
}

bool AuditLog::RotationDue() const {
  if (position_.offset == 0) return false;
  const auto latest = options_.clock->Now().time_since_epoch() - options_.rotate_interval;
  return position_.offset >= options_.rotate_bytes || begun_ <= runtime::Rfc3339Fixed(latest.count());
}

bool AuditLog::CheckpointDue() const {
  if (news_ == 0) return false;
  if (position_.size() - checkpointed_ >= options_.checkpoint_records) return true;
  return options_.clock->Ticks() - checkpointed_at_ >= options_.checkpoint_interval;
}

Result<void> AuditLog::Tick() {
  if (auto prepared = Prepare(); !prepared) return prepared;
  return CheckpointDue() ? MakeCheckpoint() : Result<void>();
}

// A closed segment is covered by a checkpoint to its last record.
Result<void> AuditLog::Rotate() {
  if (position_.size() != checkpointed_) {
    if (auto made = MakeCheckpoint(); !made) return made;
  }
  Position old = position_;
  position_.segment = position_.size();
  position_.offset = 0;
  if (auto opened = OpenSegment(); !opened) {
    position_ = std::move(old);
    return opened;
  }
  marked_ = position_;
  begun_ = runtime::Rfc3339Fixed(options_.clock->Now().time_since_epoch().count());
  return {};
}

Checkpoint AuditLog::Claim() { return {key_->verifier().name(), position_.size(), position_.tree.Root(hashing_)}; }

std::string AuditLog::MakeReceipt() { return Receipt{Claim(), checkpointed_}.Sign(*key_); }

Result<void> AuditLog::MakeCheckpoint() {
  std::string note = key_->Sign(Claim().Text());
  if (auto appended = AppendNote(note); !appended) return appended;
  checkpointed_ = position_.size();
  checkpointed_at_ = options_.clock->Ticks();
  news_ = 0;
  notes_.push_back(std::move(note));
  runtime::Failpoint("audit_after_checkpoint");
  // Saves the place of the checkpoint before: the next start reads what this one added. A failure costs only time.
  if (auto saved = SaveState(options_.folder, marked_); !saved) {
    log_.Warn("audit log: its state was not saved; the next start reads more", {{"error", saved.error().detail}});
  }
  marked_ = position_;
  return TrimCheckpoints();
}

// Past the last whole note there is at most one that an earlier call did not finish: it is cut.
Result<void> AuditLog::OpenNotes() {
  const std::filesystem::path path = options_.folder / kCheckpoints;
  const int create = last_note_.empty() ? O_CREAT : 0;
  Result<runtime::Fd> file = OpenPlain(path, O_RDWR | create);
  if (!file) return file.error();
  std::string last(last_note_.size(), '\0');
  const Result<std::size_t> read = ReadAt(*file, last, checkpoints_bytes_ - last.size(), path);
  if (!read) return read.error();
  if (*read != last.size() || last != last_note_) {
    return Error(Errc::kInvalid, path.string() + " does not end as it was written: run 'portcall audit verify " +
                                     options_.folder.string() + '\'');
  }
  const Result<std::uint64_t> size = SizeOfFile(*file, path);
  if (!size) return size.error();
  if (*size > checkpoints_bytes_) {  // a cut to the size that it has would be a change
    if (auto cut = Truncate(*file, checkpoints_bytes_, path); !cut) return cut;
  }
  notes_file_ = std::move(*file);
  return {};
}

Result<void> AuditLog::AppendNote(const std::string& note) {
  // Anew each time, so that what was edited in place is noticed, too.
  if (auto opened = OpenNotes(); !opened) return opened;
  const std::filesystem::path path = options_.folder / kCheckpoints;
  runtime::Fd file = std::exchange(notes_file_, runtime::Fd());
  const std::string text = checkpoints_bytes_ == 0 ? note : '\n' + note;
  if (auto written = WriteAt(file, text, checkpoints_bytes_, path); !written) return written;
  if (auto synced = SyncData(file, path); !synced) return synced;
  if (checkpoints_bytes_ == 0) {
    if (auto synced = runtime::SyncFolder(options_.folder); !synced) return synced;
  }
  checkpoints_bytes_ += text.size();
  last_note_ = note;
  notes_file_ = std::move(file);
  return {};
}

Result<void> AuditLog::TrimCheckpoints() {
  const Result<std::uint64_t> gone = FinishTrimming(options_.folder, checkpoints_bytes_);
  if (!gone) return gone.error();
  if (*gone == 0) return {};
  notes_file_ = runtime::Fd();
  checkpoints_bytes_ -= *gone;
  return OpenNotes();
}

}  // namespace portcall::sinks::audit
