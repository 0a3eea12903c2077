#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/clock.h"
#include "runtime/files.h"
#include "runtime/result.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/position.h"
#include "sinks/audit/log/recent_events.h"
#include "sinks/audit/log/record.h"
#include "sinks/audit/log/recovery.h"
#include "sinks/hiding_log.h"
#include "store/event.h"

namespace portcall::sinks::audit {

struct LogOptions {
  std::filesystem::path folder;
  Format format = Format::kJsonLines;
  std::string source;  // the registry's configured name
  std::uint64_t checkpoint_records = 1'000;
  std::chrono::milliseconds checkpoint_interval{60'000};
  std::uint64_t rotate_bytes = 256ull << 20;
  std::chrono::milliseconds rotate_interval{std::chrono::hours(24)};
  std::string receipt;  // the last one that was stored, empty: none
  const runtime::Clock* clock = &runtime::SystemClock();
};

// The files of an audit log: records that each carry the hash of the one before, in segments, and signed checkpoints
// over all of them. Everything blocks. One thread at a time; other processes are kept out by a lock.
class AuditLog {
 public:
  // Goes on where the log ended: reads what the last checkpoint and the receipt cover since the checkpoint before, or
  // everything where that is not known, and cuts what neither covers. kConflict: another process writes there;
  // kInvalid: the folder contradicts checkpoint or receipt (truncated, restored, changed, another key).
  static Result<std::unique_ptr<AuditLog>> Open(LogOptions options, std::shared_ptr<const SigningKey> key,
                                                const HidingLog& log);
  // The same of a folder that is there, and whose lock (LockFolder) is held already.
  static Result<std::unique_ptr<AuditLog>> Open(LogOptions options, std::shared_ptr<const SigningKey> key,
                                                const HidingLog& log, runtime::Fd lock);
  ~AuditLog();  // appended records stay; for a clean end call End() first

  // On success all records are on disk, earlier ones too; after an error none of the new ones is. kInvalid, here and
  // below: its files were taken away or changed meanwhile, so nothing is signed or written there any more. Open() says
  // what that means, with the newest receipt.
  Result<void> Append(std::span<const store::EventPtr> events);
  // Makes a checkpoint, and begins a segment, where they are due. What fails is tried again by the next call.
  Result<void> Tick();
  // A checkpoint over everything, where there is something new. The last call.
  Result<void> End();
  // The notes of the checkpoints made since the last call; the first call also returns the last note found by Open().
  std::vector<std::string> TakeNotes() { return std::exchange(notes_, {}); }

  // Says what is on disk: to be stored with the events that were appended.
  std::string MakeReceipt();
  // The log began in an empty folder, although there was a receipt.
  bool begun_anew() const { return begun_anew_; }

  std::uint64_t size() const { return position_.size(); }
  std::uint64_t segment() const { return position_.segment; }

 private:
  AuditLog(LogOptions options, std::shared_ptr<const SigningKey> key, const HidingLog& log);
  Result<void> Begin(runtime::Fd lock);
  Result<void> Heal();
  Result<void> Prepare();
  Result<void> CheckFiles() const;
  Result<void> Write(std::string_view bytes);
  void Recognize(std::string_view bytes);
  Result<void> OpenSegment();
  Result<void> Rotate();
  Checkpoint Claim();  // over all records so far
  Result<void> MakeCheckpoint();
  Result<void> OpenNotes();
  Result<void> AppendNote(const std::string& note);
  Result<void> TrimCheckpoints();
  bool RotationDue() const;
  bool CheckpointDue() const;
  std::filesystem::path Path() const;  // of the segment that is written

  LogOptions options_;
  std::shared_ptr<const SigningKey> key_;
  const HidingLog log_;
  Hashing hashing_;
  runtime::Fd lock_;
  runtime::Fd file_, notes_file_;  // closed while their ends are not known
  Position position_, marked_;     // now, and at the last checkpoint
  RecentEvents recent_;
  std::string begun_;               // when the current segment began, in the form of `recorded`
  std::uint64_t checkpointed_ = 0;  // size of the last checkpoint
  std::uint64_t checkpoints_bytes_ = 0;
  std::string last_note_;
  std::uint64_t news_ = 0;  // records since the last checkpoint, except of checkpoint events
  runtime::SteadyTime checkpointed_at_;
  std::vector<std::string> notes_;
  KeptAside aside_;
  bool begun_anew_ = false;
};

}  // namespace portcall::sinks::audit
