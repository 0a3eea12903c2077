#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/status.h"
#include "config/config.h"
#include "runtime/result.h"

namespace portcall::broker {

using DeadIds = std::span<const std::int64_t>;  // numbers of dead letters
// What became of those that an operator named.
struct EndedDead {
  std::int64_t done = 0;
  struct Left {
    std::int64_t id = 0;
    std::string reason;
    bool gone = false;  // there is none of that number any more
  };
  std::vector<Left> left;     // others
  std::size_t looked_at = 0;  // of those named, the first: who has more to do asks again for the rest
};

// What an operator may do with the broker and see of it. Callable from any thread but the broker's own loop; each call
// may wait for that loop.
class Control {
 public:
  virtual ~Control() = default;

  // Changes to the endpoints of a new configuration, to all of them or to none. Blocks until applied.
  virtual Result<void> Apply(config::ConfigPtr config) = 0;
  // What an operator does to one endpoint, by its name. `by` is who it is, for log and audit log, which has each change
  // in the same transaction. Durable when it returns: it outlives a restart, and a crash meanwhile leaves it done or
  // not begun. kNotFound: no endpoint has that name, and which may be meant; kConflict: it is not one that this can be
  // done to; kTimeout: another change takes too long; kNoSpace, kUnavailable, kOutcomeUnknown: of the store.
  //
  // Begins no attempt any more until Resume, whatever becomes of its entry; those under way end by themselves, or are
  // ended where they wait inside the sink for its destination. Who is paused already is paused for this reason from now
  // on. It goes with the cursor to an entry that takes that over.
  virtual Result<void> Pause(const std::string& name, const std::string& reason, const std::string& by) = 0;
  // Ends a pause, also that of a 410; one that answers an earlier attempt pauses it no more. False: it was not paused.
  virtual Result<bool> Resume(const std::string& name, const std::string& by) = 0;
  // Gives up what a removed endpoint has left pending, and returns how many events that were, about. Its dead letters
  // stay; a pause of a name that no entry has is over. kConflict: the name is in use, and has left nothing.
  virtual Result<std::int64_t> Drop(const std::string& name, const std::string& by) = 0;

  // Deletes dead letters. In slices, each with its event for the audit log in one transaction: a failure or a crash
  // leaves those before it done and the others as they were. Ends after some seconds, wherever it is.
  virtual Result<EndedDead> DropDead(DeadIds ids, const std::string& by) = 0;
  // Sends the events of dead letters again, in the same way: each is appended to the log, under its id, for the
  // endpoint that it was of, whatever that is called by now, or if that is gone for the one that has its name; whatever
  // the filters are. It is a dead letter no more until it dies anew. Ranges of expired events have none to send.
  // kNoSpace: the log is full, and refuses pushes.
  virtual Result<EndedDead> RetryDead(DeadIds ids, const std::string& by) = 0;

  // As it is now: what is pending holds every event whose writer knows that it is recorded. Where the loop does not
  // answer within seconds, as it last was.
  virtual std::vector<EndpointStatus> Status() const = 0;
  // Brings the gauges up to date, in the same way.
  virtual void Show() = 0;
  // events.onfull is `refuse` and endpoints hold the log at events.maxsize: what must be recorded is to be answered
  // 503, and what need not is not to be recorded. Never waits.
  virtual bool LogIsFull() const = 0;
};

}  // namespace portcall::broker
