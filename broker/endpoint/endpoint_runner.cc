#include "broker/endpoint/endpoint_runner.h"

#include <algorithm>
#include <random>
#include <utility>

namespace portcall::broker {
namespace {

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
      counter_(around, endpoint_, core_, {around.executor, tasks_, [this] { Counted(); }}, stopping_,
               {[this](const store::Event& event) { reporter_.Recorded(event); }, [this] { settler_.CountedAnew(); }}),
      feeder_(around, endpoint_, core_, {around.executor, tasks_, [this] { Drive(); }}, opened.oldest_recorded),
      workers_(around.executor, around.clock, core_, *sink_, tasks_,
               {[this](const Attempt& attempt, const sinks::Outcome& outcome) { Ended(attempt, outcome); },
                [this](const Attempt& attempt, const sinks::Outcome& outcome) { LetGo(attempt, outcome); }}),
      timer_(around.executor) {
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
    workers_.Start(now);
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

void EndpointRunner::Ended(const Attempt& attempt, const sinks::Outcome& outcome) {
  const Moment now = Now();
  reporter_.Ended(attempt, outcome, now);
  core_.OnOutcome(attempt, outcome, now);
  reporter_.Judged(outcome);
  DriveSoon();
}

void EndpointRunner::LetGo(const Attempt& attempt, const sinks::Outcome& outcome) {
  core_.OnLetGo(attempt, outcome, Now());
  DriveSoon();
}

Task<> EndpointRunner::Stop(std::chrono::milliseconds grace) {
  stopping_ = true;
  core_.Stop(true);
  CallOff();
  co_await workers_.Drain(grace);
  timer_.cancel();
  tasks_.Close();
  co_await tasks_.Drained();
  co_await sink_->Close();
  co_await settler_.FlushEverything();
  Tell(Now());
}

}  // namespace portcall::broker
