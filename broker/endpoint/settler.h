#pragma once

#include <optional>
#include <string>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/stage.h"
#include "broker/endpoint/surroundings.h"
#include "store/cursors.h"

namespace portcall::broker {

// Writes what one endpoint's core decides, and owns the cursor as it is stored. One settlement is written at a time,
// which the core sees to. A settlement that cannot be written is kept and tried again every kRetryStore; once the
// endpoint stops it is tried no more, and the next start decides anew. Where the store says that the cursor is
// another's by now, it is lost: nothing is written any more (docs/delivery.md §2). Lives on the broker's loop; all that
// it is given must outlive it, and its tasks must have ended before it is destroyed.
class Settler {
 public:
  Settler(const Surroundings& around, const config::Endpoint& endpoint, EndpointCore& core, store::Cursor cursor,
          const Stage& stage);

  const store::Cursor& cursor() const { return cursor_; }  // as it is stored, until it is lost
  bool lost() const { return lost_; }
  // The next settlement also stores the fingerprint of the filter that `matched` was counted with.
  void CountedAnew() { fingerprint_due_ = true; }

  // Writes what the core has given. True: it is stored, and the core knows. False: it could not be written.
  Task<bool> Flush(store::Settlement settlement);
  // Writes all decisions; nothing may be under way. False: not everything could be written.
  Task<bool> FlushEverything();
  // Stores that the endpoint has paused itself, unless that is over by then, or an operator has paused it.
  Task<> StorePause(std::string reason, std::int64_t since);

  struct Expired {
    store::Seq from = 0, through = 0;
    std::int64_t events = 0;
  };
  // Ends what is unsettled up to `through` as expired. The core must be stopped, quiet and flushed, and stay so: the
  // stored cursor is changed, and the core loads it anew. `called_off` ends the reading. Nothing: it was called off or
  // could not be done, and the core knows what it knew.
  Task<std::optional<Expired>> Expire(store::Seq through, const bool& called_off);
  bool expiring() const { return expiring_; }  // no settlement may be written meanwhile
  Task<Result<std::int64_t>> CountDead();      // the endpoint's dead letters that are stored

 private:
  void Seal(store::Settlement& settlement) const;
  Task<Result<void>> WriteOnce(const store::Settlement& settlement);
  Task<bool> WriteUntilDone(const store::Settlement& settlement);
  Task<std::optional<Expired>> ChangeCursor(store::Seq through, const bool& called_off);
  Task<bool> WriteExpiry(const store::Settlement& settlement);
  Moment Now() const;

  const Surroundings around_;
  const config::Endpoint& endpoint_;
  EndpointCore& core_;
  store::Cursor cursor_;
  const Stage& stage_;
  bool fingerprint_due_ = false, expiring_ = false, lost_ = false;
  std::string said_;  // the last failure that the log has of this spell
};

}  // namespace portcall::broker
