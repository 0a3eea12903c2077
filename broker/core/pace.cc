#include "broker/core/pace.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "broker/core/backoff.h"

namespace portcall::broker {

using sinks::Blames;
using sinks::Outcome;
using sinks::Verdict;

namespace {

// Far from those in stored rows, and not 0.
std::uint64_t FirstStreak(Chance& chance) { return (chance.Next() >> 2) | 1; }

}  // namespace

bool IsOverload(const Outcome& outcome) {
  constexpr std::array<int, 5> kSigns{0, 429, 502, 503, 504};
  const bool failed = outcome.verdict == Verdict::kFailed && outcome.blames == Blames::kEndpoint;
  return failed && std::ranges::find(kSigns, outcome.status) != kSigns.end();
}

bool IsRefusal(const Outcome& outcome) {
  return outcome.verdict == Verdict::kRejected || outcome.verdict == Verdict::kUndeliverable;
}

bool BlamesPart(const Outcome& outcome) {
  return outcome.verdict == Verdict::kFailed && outcome.blames == Blames::kPart;
}

bool BlamesNobody(const Outcome& outcome) {
  return outcome.verdict == Verdict::kFailed && outcome.blames == Blames::kNobody;
}

const std::string& ErrorOf(const Outcome& outcome) {
  return outcome.error.empty() ? outcome.status_text : outcome.error;
}

Pace::Pace(const Policy& policy, std::string paused, Chance& chance, Ticks now)
    : policy_(policy),
      chance_(chance),
      breaker_(policy.breaker, chance),
      window_(policy.window, policy.pipelines),
      rate_(policy.rate_limit),
      pause_(std::move(paused)),
      refusals_(FirstStreak(chance)) {
  WatchClocks(now);
}

PaceRow Pace::Row(Moment now) const {
  const auto wall = [now](Ticks at) { return now.wall + (at - now.ticks); };
  PaceRow row;
  row.failures = breaker_.failures();
  row.refusals = refusals_.row();
  if (floor_ && *floor_ > now.ticks) {
    row.floor = wall(*floor_);
    row.asked = asked_;
  }
  if (breaker_.state() == BreakerState::kClosed) return row;
  row.open = {wall(breaker_.since()), wall(breaker_.probe_at()), breaker_.failed_probes()};
  row.error = last_error_;
  return row;
}

void Pace::Restore(const PaceRow& row, Moment now) {
  const auto until = [now](std::int64_t at, Ticks longest) {
    return now.ticks + std::clamp<Ticks>(at - now.wall, 0, longest);
  };
  breaker_.Restore(row.failures);
  refusals_.Restore(row.refusals);
  if (row.floor) {
    asked_ = std::clamp<Ticks>(row.asked.value_or(policy_.max_retry_after), 0, policy_.max_retry_after);
    floor_ = until(*row.floor, asked_);
  }
  if (row.open) {
    const Breaker::Options& options = policy_.breaker;
    const Ticks longest = Doubled(options.backoff, row.open->failed_probes, options.longest_backoff);
    breaker_.RestoreOpen(now.ticks - std::max<Ticks>(0, now.wall - row.open->since), until(row.open->probe_at, longest),
                         row.open->failed_probes, now.ticks);
    away_ = true;
    failing_ = true;
    last_error_ = row.error;
  }
  WatchClocks(now.ticks);
  Check();
}

void Pace::Stall(bool stalled, Ticks now) {
  stalled_ = stalled;
  WatchClocks(now);
  Check();
}

void Pace::Pause(std::string reason, Ticks now) {
  pause_ = std::move(reason);
  WatchClocks(now);
  Check();
}

void Pace::Resume(Ticks now) {
  pause_.clear();
  WatchClocks(now);
  Check();
}

std::optional<Ticks> Pace::NextTry(Ticks now) const {
  if (paused() || breaker_.state() == BreakerState::kHalfOpen) return std::nullopt;
  Ticks at = floor_.value_or(kAtOnce);
  if (breaker_.state() == BreakerState::kOpen) at = std::max(at, breaker_.probe_at());
  return at > now ? std::optional(at) : std::nullopt;
}

void Pace::WatchClocks(Ticks now) {
  active_.Watch(shut() || stalled_, now);
  answering_.Watch(paused() || away_ || stalled_, now);
}

Ticks Pace::Wake(Ticks now, bool ready) const {
  Ticks at = kNever;
  const auto consider = [&](Ticks when) {
    if (when > now) at = std::min(at, when);
  };
  consider(breaker_.wake());
  if (floor_) consider(*floor_);
  if (ready) consider(rate_.wake());
  return at;
}

void Pace::Started(AttemptId attempt) {
  rate_.Take();
  breaker_.Started(attempt);
}

std::optional<Pace::Recovery> Pace::Delivered(AttemptId attempt, Ticks now) {
  newest_success_ = std::max(newest_success_, attempt);
  away_ = false;
  // A receiver's old process may take what it was given while the new one refuses all.
  if (!refusals_.Delivered(attempt) && refusals_.opened()) return std::nullopt;
  const Ticks opened = breaker_.since();
  const bool reopened = breaker_.Succeeded() == Breaker::Change::kClosed;
  if (!reopened) window_.Succeeded(attempt);
  return Recovered(opened, reopened, now);
}

// `opened`: when its breaker did, which has closed now if `reopened`.
std::optional<Pace::Recovery> Pace::Recovered(Ticks opened, bool reopened, Ticks now) {
  if (reopened) window_.Reopened();
  WatchClocks(now);
  Check();
  if (paused() || !std::exchange(failing_, false)) return std::nullopt;  // a pause is no recovery
  last_error_.clear();
  return Recovery{reopened ? std::optional(now - opened) : std::nullopt};
}

Pace::Judgement Pace::Failed(AttemptId attempt, const Outcome& outcome, Refusal refusal, AttemptId next, Ticks now) {
  Judgement judgement;
  if (outcome.retry_after) {
    const Ticks asked = std::clamp<Ticks>(TicksOf(*outcome.retry_after), 0, policy_.max_retry_after);
    if (!floor_ || now + asked > *floor_) {
      floor_ = now + asked;
      asked_ = asked;
    }
  }
  if (BlamesNobody(outcome)) {
    breaker_.Neutral(attempt, now);
    return judgement;
  }
  if (BlamesPart(outcome)) {
    BlamePart(attempt, now, judgement);
    return judgement;
  }
  last_error_ = ErrorOf(outcome);
  judgement.began_failing = !std::exchange(failing_, true);
  const bool was_shut = shut();
  Blame(attempt, outcome, refusal, next, now, judgement);
  judgement.shut = shut() && !was_shut;
  WatchClocks(now);
  Check();
  return judgement;
}

// While the endpoint delivers others, the event is to blame: after a few failures that may be chance, which would hold
// its lane up for longer than all its successes take, it waits for longer each time. Where nothing is delivered, the
// endpoint is to blame: the event must not be given up too soon, nor wait on when the endpoint is back.
Ticks Pace::EventDelay(int attempts, bool alone) const {
  const bool delivers_others = alone || (breaker_.state() == BreakerState::kClosed && breaker_.failures() <= 1);
  const int spared = delivers_others && !policy_.max_retries ? kSparedFailures : 0;
  const Ticks longest = delivers_others ? policy_.max_backoff : policy_.breaker.longest_backoff;
  const Ticks delay = Doubled(policy_.first_delay(), attempts - 1 - spared, longest);
  return policy_.max_retries ? HalfToWhole(delay, chance_) : UpTo(delay, chance_);
}

// A few are asked for as often as a probe would be; many must not go round and round.
Ticks Pace::KeptDelay(std::size_t kept) const {
  constexpr std::size_t kFew = 8;
  const auto times = static_cast<Ticks>(1 + std::min<std::size_t>(kept / kFew, 1'000));
  return HalfToWhole(std::min(policy_.max_backoff, times * policy_.breaker.longest_backoff), chance_);
}

// Somebody answers, who may stand before a receiver that is away for all others. Where it refused one event after
// another it answered all the time: only a success tells that this is over.
void Pace::BlamePart(AttemptId attempt, Ticks now, Judgement& judgement) {
  if (refusals_.opened()) {
    breaker_.Neutral(attempt, now);
    return;
  }
  const Ticks opened = breaker_.since();
  const bool reopened = breaker_.Answered(attempt, now) == Breaker::Change::kClosed;
  // After an outage, parts that fail must not hold the window at one attempt, behind which the others would wait.
  const bool grows = !reopened && breaker_.state() == BreakerState::kClosed && window_.starts_slowly();
  if (grows) window_.Succeeded(attempt);
  if (reopened) judgement.recovered = Recovered(opened, reopened, now);
  assert(!judgement.opened && !judgement.paused && !judgement.endpoint_at_fault);
}

void Pace::Blame(AttemptId attempt, const Outcome& outcome, Refusal refusal, AttemptId next, Ticks now,
                 Judgement& judgement) {
  using Change = Breaker::Change;
  if (outcome.verdict == Verdict::kGone) {
    judgement.paused = !paused();
    if (judgement.paused) pause_ = last_error_.empty() ? "the endpoint answered 410 Gone" : last_error_;
    breaker_.Neutral(attempt, now);
    judgement.endpoint_at_fault = true;
    return;
  }
  const bool refused = IsRefusal(outcome);
  away_ = !refused;
  if (refused && !refusals_.opened()) return BlameRefusal(attempt, refusal, now, judgement);
  const Change change = breaker_.Failed(attempt, next, now);
  if (IsOverload(outcome)) window_.Overloaded(attempt, next);
  judgement.opened = change == Change::kOpened;
  judgement.endpoint_at_fault = refused;
}

void Pace::BlameRefusal(AttemptId attempt, const Refusal& refusal, Ticks now, Judgement& judgement) {
  const Refusals::Doubt doubt = refusals_.Judge(attempt, refusal, policy_.breaker.threshold);
  judgement.endpoint_at_fault = doubt.endpoint;
  if (doubt.opens) {
    judgement.opened = breaker_.Open(attempt, now) == Breaker::Change::kOpened;
  } else {
    breaker_.Neutral(attempt, now);
  }
}

void Pace::Check() const {
  assert(window_.size() >= 1);
  assert(!refusals_.opened() || breaker_.state() != BreakerState::kClosed);
  assert(active_.stands() == (shut() || stalled_));
}

}  // namespace portcall::broker
