#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/counter.h"
#include "broker/endpoint/expirer.h"
#include "broker/endpoint/feeder.h"
#include "broker/endpoint/reporter.h"
#include "broker/endpoint/settler.h"
#include "broker/endpoint/stage.h"
#include "broker/endpoint/surroundings.h"
#include "broker/endpoint/workers.h"
#include "broker/read_clock.h"
#include "broker/tail/catch_up_reader.h"
#include "runtime/gate.h"
#include "runtime/timer.h"
#include "sinks/sink.h"

namespace portcall::broker {

// What the store knows of an endpoint when it is started.
struct Opened {
  config::Endpoint endpoint;
  store::Cursor cursor;
  std::vector<store::ParkedLane> parked;
  std::string paused;  // the reason, empty: not paused
  std::int64_t dead_letters = 0;
  std::optional<std::int64_t> oldest_recorded;  // of the first wanted event after the cursor, if it is known
  bool paused_by_operator = false;
  std::int64_t paused_since = 0;  // wall clock, ns; 0: not known
  bool was_failing = false;       // under its previous entry
};

// Runs one endpoint's core. It conducts: the feeder and the counter bring what is to be decided, workers make the
// attempts, the settler writes, the reporter tells; none of them knows another. For housekeeping it lends them to the
// expirer. Lives on the broker's loop; Stop must have ended before it is destroyed.
//
// What each event does in each stage of its life (stage.h); "->" names the next one:
//
//          | reload,  | expiry   | stop        | outcome of an attempt | flush failed
//          | removal  |          |             |                       |
// starting | as stop  | not now  | -> draining | judged, goes on       | again after kRetryStore
// running  | as stop  | -> ending| -> draining | judged, goes on       | again after kRetryStore
// ending   | as stop  | not now  | -> draining | judged; all ended and | again after kRetryStore; at the limit called
//          |          |          |             | written: -> quiet     | off: -> running, where it is tried on
// quiet    | as stop  | not now  | -> draining | none is under way     | the expiry's: again while it may have been
//          |          |          |             |                       | written; done or not: -> running
// lost     | as stop  | not now  | -> draining | let go or judged, but  | nothing is written any more
//          |          |          |             | never written         |
// draining | already  | not now  | once only   | judged; all ended and | given up, the next start decides anew;
//          |          |          |             | written: -> stopped   | -> stopped
// stopped  | already  | not now  | once only   | none is under way     | none is under way
//
// - A reload that leaves the entry as it is does nothing here, unless the cursor is lost. Otherwise, and for a removed
//   entry, the broker calls Stop with a shorter grace, and makes a new runner.
// - Starting becomes running when the backlog is counted. A runner with nothing to count begins there.
// - A flush that finds the cursor settled by another leads from each of the first four to lost.
// - Not now: the sweep goes on without this endpoint, and the next one asks again.
// - An attempt that we ended ourselves is let go instead of judged: it does not count.
// - Pause and Resume lead from no stage to another, and are done in each: they say whether attempts begin where the
//   stage lets them, and what is stored of them is stored before, by who calls. Who is draining leaves it to what comes
//   after it, which reads what is stored.
// - Nothing that waits on the outside holds a transition: attempts that only a destination can end are let go after
//   their patience, ending has a limit, and a stop enters draining at once, also from within an expiry.
class EndpointRunner {
 public:
  EndpointRunner(const Surroundings& around, Opened opened, std::unique_ptr<sinks::Sink> sink);
  ~EndpointRunner();

  void LimitInFlight(std::size_t bytes) { core_.LimitInFlight(bytes); }  // of large events that are not answered
  void LimitAttempts(int most) { workers_.Limit(most); }  // at once, below the entry's concurrency; Drive follows
  void Drive();  // the log has grown, or something else changed: does whatever can be done now
  void Tick();   // every half second: gauges, the sink's trouble, and a line a minute while it fails
  void Show();   // the gauges as they are now
  // Claims no more, lets attempts end until `grace` has passed, aborts the rest, flushes.
  Task<> Stop(std::chrono::milliseconds grace);

  // Ends what is unsettled up to `through` as expired. Attempts in flight get a moment to end by themselves, and are
  // ended then. One call at a time.
  Task<> Expire(store::Seq through) { return expirer_.Expire(through); }
  void CallOff() { expirer_.CallOff(); }  // an expiry that is under way ends now, done or not

  void Pause(std::string reason, std::int64_t since);  // by an operator; stored already
  void Resume();                                       // a 410 that answers an earlier attempt does not count

  void DeadTrimmed(std::int64_t rows) { reporter_.DeadTrimmed(rows); }  // of its stored dead letters

  EndpointStatus Status() const;
  bool counted() const;  // no event that the ring has is still to be counted, but for those of a changed filter
  const config::Endpoint& endpoint() const { return endpoint_; }
  std::int64_t cursor() const { return settler_.cursor().id; }
  store::Seq UnneededThrough() const { return core_.UnneededThrough(); }
  bool failing() const { return reporter_.failing(); }
  // Wall time of the oldest pending event, if there is one and it is known.
  std::optional<std::int64_t> OldestRecorded() const { return feeder_.OldestRecorded(); }
  bool lost() const { return settler_.lost(); }  // its cursor: it does nothing until it is made anew

 private:
  void DriveSoon();
  void LetStalledGo();
  void Counted();
  void Lose();
  void StartFlush(Moment now);
  void Arm(Moment now);
  void Tell(Moment now);
  std::optional<std::chrono::nanoseconds> OldestPending() const;
  void WatchOldest(Moment now);

  void Ended(const Attempt& attempt, const sinks::Outcome& outcome);
  void LetGo(const Attempt& attempt, const sinks::Outcome& outcome);
  Task<> Flush(store::Settlement settlement);
  Moment Now() const { return Read(around_.clock); }

  const Surroundings around_;
  const config::Endpoint endpoint_;
  std::unique_ptr<sinks::Sink> sink_;
  EndpointCore core_;
  Stage stage_ = Stage::kStarting;
  runtime::Gate tasks_;
  bool reads_called_off_ = false;
  AttemptId resumed_after_ = 0;  // the newest attempt when it was last resumed

  Reporter reporter_;
  Settler settler_;
  Counter counter_;
  Feeder feeder_;
  Workers workers_;
  Expirer expirer_;

  // How long the oldest pending event has been that, at least: its wall time may lie ahead of the clock's, which was
  // set back since.
  struct Oldest {
    store::Seq after = 0;
    Ticks since = 0;
  };
  std::optional<Oldest> oldest_;

  Timer timer_;
  Ticks armed_ = kNever;
  bool driving_ = false, again_ = false, drives_soon_ = false;
};

}  // namespace portcall::broker
