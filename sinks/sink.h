#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/task.h"
#include "sinks/outcome.h"
#include "store/event.h"

namespace portcall::sinks {

// One attempt's load: events of one endpoint, in order. Most formats allow exactly one.
struct Batch {
  std::vector<store::EventPtr> events;
  int attempt = 1;  // of the first event, counting this one
};

// One destination. It makes one attempt and says how it ended: never retries, never sleeps, never throws, never touches
// the store. It lives on one loop and must outlive its attempts. Every attempt ends within the endpoint's timeout,
// except where the sink's own queue keeps it until the destination is back (Kafka), which Trouble() then tells.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Capacity capacity() const = 0;
  // The first call, once no other sink of this endpoint is at work: the newest receipt that was stored with what the
  // endpoint has settled. The destination may hold more than that says, never less. Empty: there is none.
  virtual void Open(const std::string& /*receipt*/) {}
  virtual Task<Outcome> Deliver(Batch batch) = 0;
  // For an event that is to be given up, since Deliver() called it undeliverable with `refusal`: keeps it where the
  // destination has a place for such events. It is called again only where the event may not be there. kDelivered: it
  // is there; kFailed: not now; kUndeliverable: it can never be. Then `error` says why it was refused and why this.
  virtual Task<Outcome> SetAside(store::EventPtr /*event*/, std::shared_ptr<const Outcome> refusal) {
    co_return *refusal;
  }
  // Ends the attempts under way as failed, and nothing of them comes later; Deliver() works as usual afterwards. An
  // attempt between two steps may miss the call: a caller that waits for the attempts to end must call again.
  virtual void Interrupt() = 0;
  // Shutdown: as Interrupt(), and later attempts end as failed too.
  virtual void Abort() = 0;
  // The last call, once no attempt is under way, before the sink is destroyed: what it ends in an orderly way, such as
  // a closing checkpoint or a library's threads. Takes two seconds at most.
  virtual Task<> Close() { co_return; }
  // What is wrong with the destination that no failure of the endpoint tells: attempts wait for it instead of failing,
  // or parts of it fail (Blames::kPart), which are named. One line, no secrets; empty: nothing is known to be wrong.
  virtual std::string Trouble() const { return {}; }
  // Attempts wait for the destination, so that whoever ends them need not give them time.
  virtual bool Stalled() const { return !Trouble().empty(); }
};

}  // namespace portcall::sinks
