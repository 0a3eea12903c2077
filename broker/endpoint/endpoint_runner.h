#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/counter.h"
#include "broker/endpoint/feeder.h"
#include "broker/endpoint/reporter.h"
#include "broker/endpoint/settler.h"
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
  std::int64_t oldest_recorded = 0;  // of the first wanted event after the cursor, 0: not known
  bool was_failing = false;          // under its previous entry
};

// Runs one endpoint's core: makes its attempts, reads and flushes what it decides. Lives on the broker's loop; Stop
// must have ended before it is destroyed.
class EndpointRunner {
 public:
  EndpointRunner(const Surroundings& around, Opened opened, std::unique_ptr<sinks::Sink> sink);
  ~EndpointRunner();

  void Drive();  // the log has grown, or something else changed: does whatever can be done now
  void Tick();   // every half second: gauges, the sink's trouble, and a line a minute while it fails
  void Show();   // the gauges as they are now
  // Claims no more, lets attempts end until `grace` has passed, aborts the rest, flushes.
  Task<> Stop(std::chrono::milliseconds grace);

  // Ends what is unsettled up to `through` as expired. Attempts in flight get a moment to end by themselves, and are
  // ended then. One call at a time.
  Task<> Expire(store::Seq through);
  void CallOff();  // an expiry that is under way ends now, done or not

  EndpointStatus Status() const;
  const config::Endpoint& endpoint() const { return endpoint_; }
  std::int64_t cursor() const { return settler_.cursor().id; }
  store::Seq UnneededThrough() const { return core_.UnneededThrough(); }
  bool failing() const { return reporter_.failing(); }

 private:
  void DriveSoon();
  void Counted();
  void StartFlush(Moment now);
  void Arm(Moment now);
  void Tell(Moment now);
  std::chrono::nanoseconds OldestPending() const;

  void Ended(const Attempt& attempt, const sinks::Outcome& outcome);
  void LetGo(const Attempt& attempt, const sinks::Outcome& outcome);
  Task<> Flush(store::Settlement settlement);
  bool Quiet() const;
  void WakeQuiet();
  Task<> ExpireQuietly(store::Seq through);
  Moment Now() const { return Read(around_.clock); }

  const Surroundings around_;
  const config::Endpoint endpoint_;
  bool stopping_ = false;
  std::unique_ptr<sinks::Sink> sink_;
  EndpointCore core_;
  runtime::Gate tasks_;
  Reporter reporter_;
  Settler settler_;

  Counter counter_;
  Feeder feeder_;
  Workers workers_;
  Timer timer_;
  Ticks armed_ = kNever;

  bool driving_ = false, again_ = false, drives_soon_ = false;
  enum class Expiring : std::uint8_t { kNo, kEnding, kQuiet } expiring_ = Expiring::kNo;
  bool called_off_ = false;
  Resume<bool> quiet_;  // who waits until nothing is under way
};

}  // namespace portcall::broker
