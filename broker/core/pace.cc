#include "broker/core/pace.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "broker/core/backoff.h"

namespace portcall::broker {

using sinks::Outcome;
using sinks::Verdict;

namespace {

// No answer, or one by which a receiver or what stands before it asks for less.
bool IsOverload(const Outcome& outcome) {
  constexpr std::array<int, 5> kSigns{0, 429, 502, 503, 504};
  return outcome.verdict == Verdict::kFailed && std::ranges::find(kSigns, outcome.status) != kSigns.end();
}

}  // namespace

Pace::Pace(const Policy& policy, std::string paused, Chance& chance, Ticks now)
    : policy_(policy),
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
  row.opened_by_rejections = opened_by_rejections_;
  if (floor_ && *floor_ > now.ticks) row.floor = wall(*floor_);
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
  if (row.floor) floor_ = until(*row.floor, policy_.max_retry_after);
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
  opened_by_rejections_ = false;
  const Ticks opened = breaker_.since();
  const bool reopened = breaker_.Succeeded() == Breaker::Change::kClosed;
  if (reopened) {
    window_.Reopened();
    active_.Watch(closed(), now);
  } else {
    window_.Succeeded(attempt);
  }
  Check();
  if (!std::exchange(failing_, false)) return std::nullopt;
  last_error_.clear();
  return Recovery{reopened ? std::optional(now - opened) : std::nullopt};
}

Pace::Judgement Pace::Failed(AttemptId attempt, const Outcome& outcome, bool fault_of_event, AttemptId next,
                             Ticks now) {
  Judgement judgement;
  judgement.longest_delay =
      breaker_.state() == BreakerState::kClosed ? policy_.max_backoff : policy_.breaker.longest_backoff;
  last_error_ = outcome.error.empty() ? outcome.status_text : outcome.error;
  judgement.began_failing = !std::exchange(failing_, true);
  if (outcome.retry_after) {
    const Ticks until = now + std::clamp<Ticks>(TicksOf(*outcome.retry_after), 0, policy_.max_retry_after);
    floor_ = floor_ ? std::max(*floor_, until) : until;
  }
  Blame(attempt, outcome, fault_of_event, next, now, judgement);
  judgement.closed = active_.Watch(closed(), now);
  Check();
  return judgement;
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
    opened_by_rejections_ = fault_of_event && ++rejections_ >= policy_.breaker.threshold;
    if (opened_by_rejections_) {
      judgement.opened = breaker_.Open(now) == Change::kOpened;
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
