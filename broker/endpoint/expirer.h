#pragma once

#include <chrono>
#include <functional>

#include "broker/endpoint/counter.h"
#include "broker/endpoint/feeder.h"
#include "broker/endpoint/reporter.h"
#include "broker/endpoint/settler.h"
#include "broker/endpoint/stage.h"
#include "broker/endpoint/surroundings.h"
#include "broker/endpoint/workers.h"
#include "runtime/gate.h"

namespace portcall::broker {

// Lets events of one endpoint expire (docs/delivery.md §1): holds deliveries, waits until nothing is under way, has the
// stored cursor changed, and lets deliveries go on. It alone leads from running to ending, quiet and back (stage.h).
// Nothing that hangs holds it up: attempts are let go after a while, and the wait has an end. Lives on the broker's
// loop; all that it is given must outlive it, and the gate must be empty before it is destroyed. A stop calls it off.
class Expirer {
 public:
  struct Parts {
    EndpointCore& core;
    Workers& workers;
    Settler& settler;
    Feeder& feeder;
    const Counter& counter;
    Reporter& reporter;
  };
  struct Patience {
    std::chrono::milliseconds attempts{2'000};  // with those that may still end by themselves
    std::chrono::milliseconds store{5'000};     // beyond that, with the store's last answers
  };

  // `drive`: the runner does what has become possible.
  Expirer(const Surroundings& around, const config::Endpoint& endpoint, Parts parts, runtime::Gate& tasks, Stage& stage,
          std::function<void()> drive, Patience patience);

  // Ends what is unsettled up to `through` as expired, if the endpoint is running. It is running again afterwards,
  // unless it stops or has lost its cursor meanwhile.
  Task<> Expire(store::Seq through);
  void CallOff();  // what is under way ends now, done or not
  void Look();     // something has ended

 private:
  std::chrono::milliseconds PatienceWithAttempts() const;
  bool Quiet() const;
  Task<> AwaitQuiet(std::chrono::milliseconds most);
  Task<> ChangeCursor(store::Seq through);
  void GoOn();

  const Surroundings around_;
  const config::Endpoint& endpoint_;
  const Parts parts_;
  runtime::Gate& tasks_;
  Stage& stage_;
  const std::function<void()> drive_;
  const Patience patience_;
  bool called_off_ = false;
  Resume<bool> waiting_;  // until it is quiet, or called off
};

}  // namespace portcall::broker
