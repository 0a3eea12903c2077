#pragma once

#include <optional>
#include <string>

#include "broker/core/active_time.h"
#include "broker/core/attempt_id.h"
#include "broker/core/breaker.h"
#include "broker/core/pace_row.h"
#include "broker/core/policy.h"
#include "broker/core/rate_limit.h"
#include "broker/core/refusals.h"
#include "broker/core/window.h"
#include "sinks/outcome.h"

namespace portcall::broker {

// No answer, or one by which a receiver or what stands before it says that it is away or asks for less.
bool IsOverload(const sinks::Outcome& outcome);
bool IsRefusal(const sinks::Outcome& outcome);  // of the event itself, by an endpoint that answers
// A failure that says something of one part of the endpoint alone, or of nothing.
bool BlamesPart(const sinks::Outcome& outcome);
bool BlamesNobody(const sinks::Outcome& outcome);
// What is told of an outcome that is no delivery.
const std::string& ErrorOf(const sinks::Outcome& outcome);

// How fast an endpoint may be sent to, by what its answers say of it as a whole: its window, breaker, rate, the floor
// that Retry-After sets, and its pause (docs/delivery.md §3–§4). One thread; `policy` and `chance` outlive it.
//
//   shut(): paused, or the breaker is not closed. Events do not age meanwhile, and at most one probe is under way.
//   Nor do they while the sink itself says that it waits for its destination.
class Pace {
 public:
  // `paused`: the reason, where the endpoint is paused.
  Pace(const Policy& policy, std::string paused, Chance& chance, Ticks now);
  Pace(const Pace&) = delete;

  // What is stored, so that a restart changes nothing of it. A clock that jumped meanwhile makes no wait longer than
  // its cause allows. The row's entry is the caller's.
  PaceRow Row(Moment now) const;
  void Restore(const PaceRow& row, Moment now);
  // The same of what another entry's pace says of this one.
  void GoOn(const PaceRow& row) { refusals_.GoOn(row.refusals); }

  bool shut() const { return paused() || breaker_.state() != BreakerState::kClosed; }
  bool paused() const { return !pause_.empty(); }
  const std::string& pause() const { return pause_; }
  const Breaker& breaker() const { return breaker_; }
  const Window& window() const { return window_; }
  bool failing() const { return failing_; }  // since the last success
  const std::string& last_error() const { return last_error_; }
  Ticks ActiveAt(Ticks now) const { return active_.At(now); }  // on the clock that stands still while it is closed
  // On the one that runs while the endpoint answers, be it with refusals alone.
  Ticks AnsweringAt(Ticks now) const { return answering_.At(now); }
  // By an operator's word, for a reason that is not empty. Whoever paused it, Resume ends it.
  void Pause(std::string reason, Ticks now);
  void Resume(Ticks now);
  // When something may be sent again: a probe, or the end of what Retry-After asks for. Nothing: now, or nobody knows.
  std::optional<Ticks> NextTry(Ticks now) const;
  void Stall(bool stalled, Ticks now);  // the sink keeps what it was given until its destination is back
  // Whether anything was delivered by an attempt that began no earlier than this one.
  bool DeliveredSince(AttemptId attempt) const { return newest_success_ >= attempt; }

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
  // nullopt: it was not failing.
  std::optional<Recovery> Delivered(AttemptId attempt, Ticks now);

  struct Judgement {
    bool endpoint_at_fault = false;  // or may be: then the event stays pending, whatever was to become of it
    bool began_failing = false, opened = false, paused = false;
    bool shut = false;  // for the first time since it was last delivered to
    // Its breaker has closed, although this was a failure: of a part. The rest is false then.
    std::optional<Recovery> recovered;
  };
  // `next`: the id the next attempt will have.
  Judgement Failed(AttemptId attempt, const sinks::Outcome& outcome, Refusal refusal, AttemptId next, Ticks now);
  const Refusals& refusals() const { return refusals_; }
  Refusal Count(RefusedEvent& event) { return refusals_.Count(event); }  // it was refused to its end
  void AlarmWas(bool right) { refusals_.AlarmWas(right); }
  // How long an event waits after its n-th attempt (from 1), which has just failed; `alone`: whatever becomes of
  // others.
  Ticks EventDelay(int attempts, bool alone) const;
  // How long one of so many waits that were refused to their end and kept, unless something is delivered before.
  Ticks KeptDelay(std::size_t kept) const;
  // How long one waits whose attempt does not count.
  Ticks ShortDelay() const { return UpTo(kFirstDelay, chance_); }

 private:
  std::optional<Recovery> Recovered(Ticks opened, bool reopened, Ticks now);
  void BlamePart(AttemptId attempt, Ticks now, Judgement& judgement);
  void Blame(AttemptId attempt, const sinks::Outcome& outcome, Refusal refusal, AttemptId next, Ticks now,
             Judgement& judgement);
  void BlameRefusal(AttemptId attempt, const Refusal& refusal, Ticks now, Judgement& judgement);
  void WatchClocks(Ticks now);
  void Check() const;

  const Policy& policy_;
  Chance& chance_;
  Breaker breaker_;
  Window window_;
  RateLimit rate_;
  ActiveTime active_, answering_;
  std::optional<Ticks> floor_;  // until when Retry-After asks for patience
  Ticks asked_ = 0;             // how long that was; of no meaning without a floor
  std::string pause_, last_error_;
  AttemptId newest_success_ = 0;
  Refusals refusals_;
  bool failing_ = false;
  bool away_ = false;  // the last thing heard of the endpoint as a whole was a failure
  bool stalled_ = false;
};

}  // namespace portcall::broker
