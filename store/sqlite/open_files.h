#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/files.h"
#include "runtime/mutex.h"
#include "runtime/result.h"
#include "store/sqlite/connection.h"

namespace portcall::store {

// The files of a database that is open, by what their names led to then. The engine goes on with files that have been
// removed or replaced: nobody finds there what it writes. Any thread; a few system calls that wait for no writing.
class OpenFiles {
 public:
  explicit OpenFiles(Connection& connection);  // which outlives all calls

  struct Fault {
    enum class Kind {
      kDatabaseGone,  // also that it cannot be looked at now
      kLogGone,       // like the index, once that is certain: nobody gets it back
      kIndexGone,     // this alone is made anew
      // A part of the database or its log is there no more. What is written beside that is lost with it at the next
      // start.
      kCut,
    } kind;
    std::string text;
  };
  // The gravest that is wrong now; nothing: all is as it was. Looks at each file once. The writer's thread.
  std::optional<Fault> Look();
  // To be called with each transaction that may write, once nobody else can: what another process has compacted is not
  // hidden by what grows here.
  void SeePages();
  std::optional<std::string> WhyDatabaseGone() const { return WhyDatabaseGone(LookAt(database_.path)); }
  std::optional<std::string> WhyLogGone() const { return WhyCertainlyGone(log_, LookAt(log_.path)); }
  // Writes what the write-ahead log holds, which has lost its name, under that name again; done where somebody else did
  // so. Durable on return. Another file that has the name becomes <name>.other, or .other.1 and so on where others came
  // before it; returns where that is, also if an earlier call moved it, empty: nothing had the name. kConflict: it
  // cannot. kNoSpace where the volume has `room` and that is not enough. What is written to the log meanwhile may be
  // missing there; who wrote it finds kConflict then.
  Result<std::string> PutLogBack(std::uint64_t room) const;
  std::uint64_t log_bytes() const;

 private:
  struct Named {
    std::string path;
    dev_t device = 0;
    ino_t inode = 0;
    int error = 0;  // why it could not be looked at
    std::uint64_t bytes = 0;
  };
  static Named LookAt(const std::string& path);
  static bool CannotTell(const Named& now);
  static std::optional<std::string> WhyGone(const Named& file, const Named& now);
  static std::optional<std::string> WhyCertainlyGone(const Named& file, const Named& now);
  std::optional<std::string> WhyDatabaseGone(const Named& now) const;
  std::optional<std::string> WhyCut(const Named& database, const Named& log);
  bool MayBeCompacted(std::uint64_t bytes, const Connection::Logged& logged) const;
  Result<std::string> MoveOtherAside() const;

  Connection& connection_;
  const Named database_, log_, index_;
  std::uint64_t database_bytes_;  // as last seen
  std::uint64_t pages_ = 0;       // of the database as last seen, its log included; 0: not known
  std::uint64_t fewest_ = 0;      // the fewest of these since the file had another size
  const runtime::Fd open_log_;    // for its content when it has no name
  mutable runtime::Mutex putting_back_;
  mutable std::string aside_ GUARDED_BY(putting_back_);  // where the last file is that had the log's name; empty: none
};

}  // namespace portcall::store
