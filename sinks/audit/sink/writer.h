#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/lanes.h"
#include "runtime/timer.h"
#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/housekeeping.h"
#include "sinks/hiding_log.h"
#include "sinks/kind.h"

namespace portcall::sinks::audit {

struct WriterOptions {
  LogOptions log;
  Housekeeping tidy;
  std::filesystem::path key_file;
  std::string origin;
  bool keep_origin = false;  // a log that began with another one goes on with that
  bool make_key = false;     // where there is none
  std::string endpoint;
  std::vector<std::string> hidden;  // what references have brought: shown nowhere
  std::chrono::milliseconds timeout{10'000};
  bool publish = false;
};

// What has threads of its own for a folder, so that one that does not answer holds up nothing else, and writers of one
// folder wait for each other's jobs.
struct FolderLanes {
  // `hidden` is left out of the names that operators are shown.
  static Result<FolderLanes> Of(runtime::Lanes& lanes, const std::filesystem::path& folder,
                                const std::vector<std::string>& hidden = {});
  std::shared_ptr<runtime::Lane> writing, tidying;
};

// Gathers events on a loop and has them appended on the folder's lane: what came while one write was under way goes
// with the next, so that many events share one sync. Order is kept across failures: after one, nothing is taken until
// everybody whose event failed has heard of it. It holds itself while work of its own is on a lane.
class Writer : public std::enable_shared_from_this<Writer> {
 public:
  // Events that wait or are being written; the broker hands over no more.
  static constexpr std::size_t kWindow = 1024;

  Writer(WriterOptions options, FolderLanes lanes, const Surroundings& around);

  void Start(const std::string& receipt);  // opens the log; failing is told and tried again
  // Ends when the events are on disk, or with what went wrong, within the timeout.
  static Task<Outcome> Take(std::shared_ptr<Writer> self, std::vector<store::EventPtr> events);
  void Interrupt();  // fails all waiting callers; what is being written may be recorded nevertheless
  // Ends the log with a checkpoint, which is published if the sink still can. Waits for that, but not for ever.
  static Task<> Close(std::shared_ptr<Writer> self);
  void Leave();  // the same without waiting
  const std::string& trouble() const { return trouble_; }

 private:
  struct Waiting {
    std::vector<store::EventPtr> events;
    Resume<Outcome> resume;
  };
  struct Done {
    Result<void> written;  // the events
    Result<void> kept;     // checkpoints and rotation
    std::vector<std::string> notes;
    std::string receipt;         // of the events, where they were written
    std::string receipt_before;  // where a new log began: of the one before
    std::uint64_t segment = 0;
    bool open = false;
    bool held = false;     // another sink, or another process, has the folder
    bool changed = false;  // somebody else changed the folder: it must be opened again, as at a start
  };

  class Load;

  void Write();
  // On the lane, one at a time.
  void Run(std::shared_ptr<Load> load, bool anew, std::chrono::steady_clock::time_point until);
  Done Work(const std::vector<store::EventPtr>& events, bool anew);
  Result<void> OpenLog(bool wanted);
  Result<void> TryOpen();
  Result<SigningKey> LoadKey();
  void Finish(Done done);
  void FailAll(const std::string& why);
  void Tell(const Done& done);
  void Publish(std::string note);
  void PublishBeginning(const std::string& receipt_before);
  void TidyUp(std::uint64_t segment);
  void ArmTick();
  void ArmDeadline();
  void End();
  std::vector<std::string> EndLog();  // on the lane

  WriterOptions options_;
  const Executor executor_;
  const HidingLog logger_;
  const FolderLanes lanes_;
  const std::function<void(store::Event)> publish_;
  // Touched by the lane for writing alone.
  std::unique_ptr<AuditLog> log_;
  std::shared_ptr<const SigningKey> key_;
  std::string receipt_;           // the newest that was given
  std::optional<Error> refused_;  // why the folder was refused with that key, as both looked then
  std::string refused_look_;

  std::deque<Waiting> queue_;
  std::vector<Waiting> writing_;
  std::shared_ptr<Load> load_;  // of the job that was posted last
  std::size_t unheard_ = 0;     // attempts that failed and whose callers have not gone on yet
  bool busy_ = false, due_ = false, late_ = false, tidying_ = false, closed_ = false, ended_ = false;
  bool changed_ = false;
  std::atomic<bool> left_ = false;  // a job that the lane has not begun has nothing to do
  Resume<bool> closing_;
  std::uint64_t tidied_ = 0;  // the segment that was active when closed ones were last looked at
  std::string oldest_;        // what Tidy() returned then
  std::string trouble_;
  Timer tick_, deadline_;
};

}  // namespace portcall::sinks::audit
