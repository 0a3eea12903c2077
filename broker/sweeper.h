#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

#include "broker/endpoint/endpoint_runner.h"
#include "broker/endpoint/orphans.h"
#include "broker/endpoint/surroundings.h"
#include "broker/retention.h"
#include "config/config.h"
#include "runtime/gate.h"
#include "runtime/task.h"
#include "runtime/timer.h"

namespace portcall::broker {

// Looks at the log in rounds and keeps it within its bounds (docs/delivery.md §1): has orphans pass what they do not
// want, has what nobody needs deleted, and lets the oldest expire where that does not suffice. Lives on the broker's
// loop, but for full(); all that it is given must outlive it, and `gate`, in which its tasks run, be empty before it
// goes.
//
// A round decides by the stored cursors, so that none may be under way while endpoints change:
//
//           | due, or      | Hold                | the round ends      | Release       | End
//           | asked for    |                     |                     |               |
// resting   | -> sweeping  | -> held             |                     |               | -> held, for good
// sweeping  | one follows  | -> ending           | -> resting          |               | -> ending
// ending    | not now      | waits for the round | -> held             |               | stays
// held      | not now      | returns             |                     | -> sweeping   | stays
//
// - A round that ends does so at its next step; what it has stored by then stays.
// - A round waits for endpoints that let events expire, but not for long: who takes longer goes on beside it, also
//   while sweeps are held, and is asked again by a later round.
class Sweeper {
 public:
  using Runners = std::vector<std::unique_ptr<EndpointRunner>>;

  // `runners` may change while sweeps are held, or after End.
  Sweeper(const Surroundings& around, const Runners& runners, Orphans& orphans, runtime::Gate& gate,
          std::chrono::milliseconds interval);

  void Configure(const config::Config& config) { retention_.Configure(config); }
  // Before Start: from now on full() is right, which takes no longer with a longer log.
  Task<> Look() { return retention_.Look(); }
  // A round now, and one every interval. In the first interval nothing of endpoints expires: those that are well get
  // what they missed.
  void Start();
  // The log has grown by so many bytes, about. A log that grows fast is looked at more often.
  void Grown(std::size_t bytes);

  Task<> Hold();  // afterwards no round is under way, and none begins
  // The same, and then says whether the disk answers: for what cannot be taken back.
  Task<> HoldAndTouch(std::shared_ptr<Result<bool>> touched);
  void Release();  // looks at once, since bounds and endpoints may have changed
  void End();      // shutdown: the tasks in the gate come to their end as soon as they can

  // events.onfull is `refuse` and endpoints hold the log at events.maxsize, or it has grown beyond that and a round has
  // not yet seen what may go. Any thread.
  bool full() const { return retention_.full() || outgrown_.load(std::memory_order_relaxed); }

 private:
  Task<> Run();
  Task<> Round();
  Task<> ExpireOfAll(store::Seq through);
  Task<> ExpireOf(std::int64_t cursor, store::Seq through);
  Task<> AwaitExpiries(std::vector<std::int64_t> cursors);
  void DeadTrimmed(const std::string& endpoint, std::size_t rows);
  void Ask();
  void WakeRound();

  const Surroundings around_;
  const Runners& runners_;
  Orphans& orphans_;
  runtime::Gate& gate_;
  const std::chrono::milliseconds interval_;
  Retention retention_;

  Timer timer_;        // of the next round
  bool asked_ = true;  // the next round does not wait for the timer
  Ticks expires_from_ = 0;
  bool sweeping_ = false, held_ = false;  // both: ending
  bool ended_ = false;
  std::int64_t grown_ = 0;  // bytes since the last round
  std::atomic<bool> outgrown_ = false;
  std::vector<Resume<bool>> holding_;  // wait for the end of the round

  std::set<std::int64_t> expiring_;  // cursors whose endpoints let events expire
  Timer patience_;                   // of the round with these
  bool impatient_ = false;
  Resume<bool> waiting_;  // the round, for these
};

}  // namespace portcall::broker
