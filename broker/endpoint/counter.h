#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/stage.h"
#include "broker/endpoint/surroundings.h"
#include "broker/endpoint/tasks.h"

namespace portcall::broker {

// Counts what one endpoint wants of the log, each event once as it is committed, wherever the cursor stands: from the
// ring, or back from the log where the ring does not reach. A changed filter has its backlog counted anew first.
// Counting ends soon once the endpoint stops; what it was not done with is counted at the next start. Lives on the
// broker's loop; all that it is given must outlive it, and the gate must be empty before it is destroyed.
class Counter {
 public:
  struct Calls {
    std::function<void(const store::Event&)> recorded;  // an event that the endpoint wants, once
    std::function<void()> counted_anew;                 // the core knows what is pending with the changed filter
  };

  Counter(const Surroundings& around, const config::Endpoint& endpoint, EndpointCore& core, Tasks tasks,
          const Stage& stage, Calls calls);

  // As far as the ring's head. What must be read from the log is counted by a task, one at a time; a failed read is
  // repeated after kRetryStore.
  void Count(Moment now);
  // At the start, for a cursor that was counted with another filter: deliveries go on meanwhile. Count does nothing
  // until this has ended. A failed read is repeated here too.
  void Recount(std::int64_t cursor);
  bool recounting() const { return recounting_; }
  bool quiet() const { return !counting_ && !recounting_; }  // no task is under way, and the core's count is exact

 private:
  std::int64_t CountWantedOf(const std::vector<store::EventPtr>& events, store::Seq after, store::Seq through);
  Task<> CountBack();
  struct Stored {
    std::int64_t settled = 0;
    store::Seq settled_through = 0;
    std::vector<store::ParkedLane> lanes;
  };
  Task<> CountAnew(std::int64_t cursor);
  Task<Result<void>> TryCountAnew(std::int64_t cursor);
  Task<Result<Stored>> LoadStored(std::int64_t cursor);
  Task<Result<std::int64_t>> CountParked(const Stored& stored);
  Task<Result<std::int64_t>> CountWanted(store::Seq after, store::Seq through);
  Moment Now() const;

  const Surroundings around_;
  const config::Endpoint& endpoint_;
  EndpointCore& core_;
  const Tasks tasks_;
  const Stage& stage_;
  const Calls calls_;
  std::vector<store::EventPtr> buffer_;
  store::Seq recorded_through_;  // an event is recorded when it is first counted, and in no recount
  bool counting_ = false, recounting_ = false;
};

}  // namespace portcall::broker
