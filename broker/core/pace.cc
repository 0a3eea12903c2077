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

// One event that is rejected says nothing of the endpoint.
constexpr int kFewestInARow = 2;
// A receiver that refuses many of its events for good has rows of rejections by chance, and none so long.
constexpr int kMostFalseAlarms = 3, kDoublings = 2;

int InARow(int threshold, int false_alarms) {
  constexpr int kLongest = 1'000'000;
  const int row = std::max(kFewestInARow, threshold);
  return static_cast<int>(Doubled(row, kDoublings * false_alarms, std::max(row, kLongest)));
}

}  // namespace

bool IsOverload(const Outcome& outcome) {
  constexpr std::array<int, 5> kSigns{0, 429, 502, 503, 504};
  const bool failed = outcome.verdict == Verdict::kFailed && outcome.blames == Blames::kEndpoint;
  return failed && std::ranges::find(kSigns, outcome.status) != kSigns.end();
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
      pause_(std::move(paused)) {
  active_.Watch(closed(), now);
}

PaceRow Pace::Row(Moment now) const {
  const auto wall = [now](Ticks at) { return now.wall + (at - now.ticks); };
  PaceRow row;
  row.failures = breaker_.failures();
  row.rejections = rejections_;
  row.false_alarms = false_alarms_;
  row.opened_by_rejections = opened_by_rejections_;
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
  rejections_ = row.rejections;
  false_alarms_ = std::min(row.false_alarms, kMostFalseAlarms);
  if (row.floor) {
    asked_ = std::clamp<Ticks>(row.asked.value_or(policy_.max_retry_after), 0, policy_.max_retry_after);
    floor_ = until(*row.floor, asked_);
  }
  if (row.open) {
    const Breaker::Options& options = policy_.breaker;
    const Ticks longest = Doubled(options.backoff, row.open->failed_probes, options.longest_backoff);
    breaker_.RestoreOpen(now.ticks - std::max<Ticks>(0, now.wall - row.open->since), until(row.open->probe_at, longest),
                         row.open->failed_probes);
    opened_by_rejections_ = row.opened_by_rejections;
    failing_ = true;
    last_error_ = row.error;
  }
  active_.Watch(closed(), now.ticks);
  Check();
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
  rejections_ = 0;
  if (std::exchange(opened_by_rejections_, false)) false_alarms_ = std::min(false_alarms_ + 1, kMostFalseAlarms);
  const Ticks opened = breaker_.since();
  const bool reopened = breaker_.Succeeded() == Breaker::Change::kClosed;
  if (!reopened) window_.Succeeded(attempt);
  return Recovered(opened, reopened, now);
}

// `opened`: when its breaker did, which has closed now if `reopened`.
std::optional<Pace::Recovery> Pace::Recovered(Ticks opened, bool reopened, Ticks now) {
  if (reopened) {
    window_.Reopened();
    active_.Watch(closed(), now);
  }
  Check();
  if (paused() || !std::exchange(failing_, false)) return std::nullopt;  // a pause is no recovery
  last_error_.clear();
  return Recovery{reopened ? std::optional(now - opened) : std::nullopt};
}

Pace::Judgement Pace::Failed(AttemptId attempt, const Outcome& outcome, bool fault_of_event, AttemptId next,
                             Ticks now) {
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
  Blame(attempt, outcome, fault_of_event, next, now, judgement);
  judgement.closed = active_.Watch(closed(), now);
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

// The endpoint answers, so a probe has found what it looked for. Where it refused one event after another it answered
// all the time: only a success tells that this is over.
void Pace::BlamePart(AttemptId attempt, Ticks now, Judgement& judgement) {
  if (opened_by_rejections_) {
    breaker_.Neutral(attempt, now);
    return;
  }
  const Ticks opened = breaker_.since();
  const bool reopened = breaker_.Answered(attempt) == Breaker::Change::kClosed;
  // After an outage, parts that fail must not hold the window at one attempt, behind which the others would wait.
  const bool grows = !reopened && breaker_.state() == BreakerState::kClosed && window_.starts_slowly();
  if (grows) window_.Succeeded(attempt);
  if (reopened) judgement.recovered = Recovered(opened, reopened, now);
  assert(!judgement.opened && !judgement.paused && !judgement.endpoint_at_fault);
}

void Pace::Blame(AttemptId attempt, const Outcome& outcome, bool fault_of_event, AttemptId next, Ticks now,
                 Judgement& judgement) {
  using Change = Breaker::Change;
  if (outcome.verdict == Verdict::kGone) {
    judgement.paused = !paused();
    if (judgement.paused) pause_ = last_error_.empty() ? "the endpoint answered 410 Gone" : last_error_;
    breaker_.Neutral(attempt, now);
    judgement.endpoint_at_fault = true;
    return;
  }
  const bool refused = outcome.verdict == Verdict::kRejected || outcome.verdict == Verdict::kUndeliverable;
  if (refused && !opened_by_rejections_) {
    opened_by_rejections_ = fault_of_event && ++rejections_ >= InARow(policy_.breaker.threshold, false_alarms_);
    if (opened_by_rejections_) {
      judgement.opened = breaker_.Open(attempt, now) == Change::kOpened;
      judgement.endpoint_at_fault = true;
    } else {
      breaker_.Neutral(attempt, now);
    }
    return;
  }
  const Change change = breaker_.Failed(attempt, next, now);
  if (IsOverload(outcome)) window_.Overloaded(attempt, next);
  judgement.opened = change == Change::kOpened;
  judgement.endpoint_at_fault = refused;
}

void Pace::Check() const {
  assert(window_.size() >= 1);
  assert(!opened_by_rejections_ || breaker_.state() != BreakerState::kClosed);
  assert(active_.stands() == closed());
}

}  // namespace portcall::broker
