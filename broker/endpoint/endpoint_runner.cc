#include "broker/endpoint/endpoint_runner.h"

#include <algorithm>
#include <random>
#include <utility>

#include "runtime/failpoint.h"

namespace portcall::broker {
namespace {

constexpr std::chrono::milliseconds kLetGoAgain{100};

std::uint64_t Seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

EndpointRunner::EndpointRunner(const Surroundings& around, Opened opened, std::unique_ptr<sinks::Sink> sink)
    : around_(around),
      endpoint_(std::move(opened.endpoint)),
      sink_(std::move(sink)),
      core_(endpoint_, sink_->capacity(), opened.cursor, std::move(opened.parked), std::move(opened.paused), Now(),
            Seed()),
      reporter_(around.log, around.metrics, endpoint_, core_, {opened.dead_letters, opened.was_failing}),
      settler_(around, endpoint_, core_, std::move(opened.cursor), stopping_),
      max_workers_(static_cast<std::size_t>(core_.policy().window)),
      counter_(around, endpoint_, core_, {around.executor, tasks_, [this] { Counted(); }}, stopping_,
               {[this](const store::Event& event) { reporter_.Recorded(event); }, [this] { settler_.CountedAnew(); }}),
      feeder_(around, endpoint_, core_, {around.executor, tasks_, [this] { Drive(); }}, opened.oldest_recorded),
      timer_(around.executor),
      patience_(around.executor) {
  sink_->Open(settler_.cursor().receipt);
  if (!core_.paused().empty()) reporter_.StillPaused();
  const store::Cursor& cursor = settler_.cursor();
  if (cursor.fingerprint != core_.filter().fingerprint()) counter_.Recount(cursor);
}

EndpointRunner::~EndpointRunner() = default;

// Does whatever can be done now. What it starts may end at once and call it again, so it goes round until nothing is
// left instead of nesting.
void EndpointRunner::Drive() {
  if (std::exchange(driving_, true)) {
    again_ = true;
    return;
  }
  do {
    again_ = false;
    const Moment now = Now();
    core_.Grown(around_.ring.head());
    if (expiring_ == Expiring::kNo && !stopping_) {
      counter_.Count(now);
      feeder_.Feed(now);
      feeder_.ReadLanes(now);
    }
    StartAttempts(now);
    if (expiring_ != Expiring::kQuiet) StartFlush(now);
    Tell(now);
    Arm(now);
  } while (again_);
  driving_ = false;
  WakeQuiet();
}

void EndpointRunner::Counted() {
  Drive();
  Show();
}

void EndpointRunner::StartAttempts(Moment now) {
  Attempt attempt;
  while ((!resting_.empty() || workers_ < max_workers_) && core_.Claim(now, attempt)) {
    claimed_.push_back(std::move(attempt));
    if (!resting_.empty()) {
      Resume<bool> worker = std::move(resting_.back());
      resting_.pop_back();
      worker(true);
    } else {
      ++workers_;
      runtime::Spawn(around_.executor, attempts_, Work());
    }
  }
}

// Attempts go out in the order of their claims, whichever worker asks first.
bool EndpointRunner::NextAttempt(Attempt& attempt) {
  if (claimed_.empty()) return core_.Claim(Now(), attempt);
  attempt = std::move(claimed_.front());
  claimed_.pop_front();
  return true;
}

// Drives once for everything that ends in one turn of the loop.
void EndpointRunner::DriveSoon() {
  if (drives_soon_) return;
  runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass) return;
  drives_soon_ = true;
  asio::post(around_.executor, [this, pass = std::move(pass)] {
    drives_soon_ = false;
    Drive();
  });
}

void EndpointRunner::StartFlush(Moment now) {
  const bool everything = expiring_ == Expiring::kEnding && core_.in_flight() == 0;
  if (auto settlement = core_.TakeSettlement(now, everything)) {
    runtime::Spawn(around_.executor, tasks_, Flush(std::move(*settlement)));
  }
}

Task<> EndpointRunner::Flush(store::Settlement settlement) {
  if (co_await settler_.Flush(std::move(settlement)) && !stopping_) Drive();
}

// Sets the timer anew only when the core must be woken earlier: a wake too many costs less than setting the timer with
// each event.
void EndpointRunner::Arm(Moment now) {
  Ticks wake = core_.Wake(now);
  if (feeder_.retry() > now.ticks) wake = std::min(wake, feeder_.retry());
  if (stopping_ || wake >= armed_) return;
  runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass) return;
  armed_ = wake;
  timer_.expires_after(std::chrono::nanoseconds(std::max<Ticks>(wake - now.ticks, 0)));
  timer_.async_wait([this, pass = std::move(pass)](error_code ec) {
    if (ec) return;
    armed_ = kNever;
    Drive();
  });
}

// A worker: makes one attempt after another.
Task<> EndpointRunner::Work() {
  Attempt attempt;
  for (;;) {
    while (NextAttempt(attempt)) {
      const sinks::Outcome outcome = co_await Try(attempt);
      End(attempt, outcome);
    }
    if (stopping_) break;
    co_await Suspend<bool>([this](Resume<bool> resume) { resting_.push_back(std::move(resume)); });
  }
  --workers_;
}

void EndpointRunner::End(const Attempt& attempt, const sinks::Outcome& outcome) {
  const Moment now = Now();
  if (attempt.id <= let_go_through_ && outcome.verdict == sinks::Verdict::kFailed && outcome.status == 0) {
    core_.OnLetGo(attempt, outcome, now);
    return DriveSoon();
  }
  reporter_.Ended(attempt, outcome, now);
  core_.OnOutcome(attempt, outcome, now);
  reporter_.Judged(outcome);
  DriveSoon();
}

Task<sinks::Outcome> EndpointRunner::Try(const Attempt& attempt) {
  runtime::Failpoint("before-send");
  sinks::Batch batch;
  batch.events.push_back(attempt.event);
  batch.attempt = attempt.number;
  sinks::Outcome outcome = co_await sink_->Deliver(std::move(batch));
  runtime::Failpoint("after-response");
  co_return outcome;
}

// Waiting is pointless while the destination is known to be away: attempts will not end by themselves.
std::chrono::milliseconds EndpointRunner::Patience(std::chrono::milliseconds most) const {
  return sink_->Trouble().empty() ? most : std::chrono::milliseconds(0);
}

// After `patience`, ends attempts that are still under way, and repeats that until there are none.
void EndpointRunner::LetGoAfter(std::chrono::milliseconds patience) {
  runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass) return;
  patience_.expires_after(patience);
  patience_.async_wait([this, pass = std::move(pass)](error_code ec) {
    const bool wanted = stopping_ || expiring_ == Expiring::kEnding;
    if (ec || !wanted || core_.in_flight() == 0) return;
    let_go_through_ = core_.newest_attempt();
    if (stopping_) {
      sink_->Abort();
    } else {
      sink_->Interrupt();
    }
    LetGoAfter(kLetGoAgain);
  });
}

Task<> EndpointRunner::Stop(std::chrono::milliseconds grace) {
  stopping_ = true;
  core_.Stop(true);
  CallOff();
  for (Resume<bool>& worker : std::exchange(resting_, {})) worker(true);
  attempts_.Close();
  LetGoAfter(Patience(grace));
  co_await attempts_.Drained();
  patience_.cancel();
  timer_.cancel();
  tasks_.Close();
  co_await tasks_.Drained();
  co_await sink_->Close();
  co_await settler_.FlushEverything();
  Tell(Now());
}

}  // namespace portcall::broker
