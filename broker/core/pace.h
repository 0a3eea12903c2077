#pragma once

#include <optional>
#include <string>

#include "broker/core/active_time.h"
#include "broker/core/attempt_id.h"
#include "broker/core/breaker.h"
#include "broker/core/pace_row.h"
#include "broker/core/policy.h"
#include "broker/core/rate_limit.h"
#include "broker/core/window.h"
#include "sinks/outcome.h"

namespace portcall::broker {

// How fast an endpoint may be sent to, by what its answers say of it as a whole: its window, breaker, rate, the floor
// that Retry-After sets, and its pause (docs/delivery.md §3–§4). One thread; `policy` and `chance` outlive it.
//
//   closed(): paused, or the breaker is not closed. Events do not age meanwhile, and at most one probe is under way.
class Pace {
 public:
  // `paused`: the reason, where the endpoint is paused.
  Pace(const Policy& policy, std::string paused, Chance& chance, Ticks now);
  Pace(const Pace&) = delete;

  // What is stored, so that a restart changes nothing of it. A clock that jumped meanwhile makes no wait longer than
  // its cause allows. The row's entry is the caller's.
  PaceRow Row(Moment now) const;
  void Restore(const PaceRow& row, Moment now);

  bool closed() const { return paused() || breaker_.state() != BreakerState::kClosed; }
  bool paused() const { return !pause_.empty(); }
  const std::string& pause() const { return pause_; }
  const Breaker& breaker() const { return breaker_; }
  const Window& window() const { return window_; }
  bool failing() const { return failing_; }  // since the last success
  const std::string& last_error() const { return last_error_; }
  Ticks ActiveAt(Ticks now) const { return active_.At(now); }  // on the clock that stands still while it is closed

  // Whether anything may be sent, as far as pause and Retry-After are concerned; and whether the breaker lets it.
  bool Reachable(Ticks now) const { return !paused() && (!floor_ || now >= *floor_); }
  bool MayStart(Ticks now) const { return Reachable(now) && breaker_.MayStart(now); }
  bool RateAllows(Ticks now) { return rate_.Allows(now); }
  // When that may change by itself, beyond now. `ready`: something could be sent.
  Ticks Wake(Ticks now, bool ready) const;

  void Started(AttemptId attempt);
  // The attempt says nothing of the endpoint: it was ended by us, or never left.
  void LetGo(AttemptId attempt, Ticks now) { breaker_.Neutral(attempt, now); }

  struct Recovery {
    std::optional<Ticks> lasted;  // how long its breaker had been open, if it was
  };
  std::optional<Recovery> Delivered(AttemptId attempt, Ticks now);  // nullopt: it was not failing

  struct Judgement {
    bool endpoint_at_fault = false;  // then the event stays pending, whatever was to become of it
    bool began_failing = false, opened = false, paused = false;
    bool closed = false;  // for the first time since it was last delivered to
    // How long the event may wait at most. One that failed while the breaker was open tells nothing of itself, and
    // must not wait on when the endpoint is back.
    Ticks longest_delay = 0;
  };
  // `fault_of_event`: by its answer the event would die. `next`: the id the next attempt will have.
  Judgement Failed(AttemptId attempt, const sinks::Outcome& outcome, bool fault_of_event, AttemptId next, Ticks now);

 private:
  void Blame(AttemptId attempt, const sinks::Outcome& outcome, bool fault_of_event, AttemptId next, Ticks now,
             Judgement& judgement);
  void Check() const;

  const Policy& policy_;
  Breaker breaker_;
  Window window_;
  RateLimit rate_;
  ActiveTime active_;
  std::optional<Ticks> floor_;  // what Retry-After asks for
  std::string pause_, last_error_;
  int rejections_ = 0;  // events in a row that died of their rejection, with no success between
  bool opened_by_rejections_ = false, failing_ = false;
};

}  // namespace portcall::broker
