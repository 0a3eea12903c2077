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
      reporter_(around.log, around.metrics, endpoint_, core_,
                {opened.dead_letters, opened.was_failing, opened.paused_by_operator, opened.paused_since}),
      settler_(around, endpoint_, core_, std::move(opened.cursor), stage_),
      counter_(around, endpoint_, core_, {around.executor, tasks_, [this] { Counted(); }, reads_called_off_}, stage_,
               {[this](const store::Event& event) { reporter_.Recorded(event); }, [this] { settler_.CountedAnew(); }}),
      feeder_(around, endpoint_, core_, {around.executor, tasks_, [this] { Drive(); }, reads_called_off_},
              opened.oldest_recorded),
      workers_(around.executor, around.clock, core_, *sink_, tasks_,
               {[this](const Attempt& attempt, const sinks::Outcome& outcome) { Ended(attempt, outcome); },
                [this](const Attempt& attempt, const sinks::Outcome& outcome) { LetGo(attempt, outcome); }}),
      expirer_(around, endpoint_, {core_, workers_, settler_, feeder_, counter_, reporter_}, tasks_, stage_,
               [this] { Drive(); }, {}),
      timer_(around.executor) {
  sink_->Open(settler_.cursor().receipt);
  if (core_.pace().paused()) reporter_.StillPaused();
  const store::Cursor& cursor = settler_.cursor();
  if (cursor.fingerprint != core_.filter().fingerprint()) counter_.Recount(cursor.id);
  if (!counter_.recounting()) Become(stage_, Stage::kRunning);
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
    if (settler_.lost()) Lose();
    const Moment now = Now();
    core_.Grown(around_.ring.head());
    if (Delivers(stage_)) {
      counter_.Count(now);
      feeder_.Feed(now);
      feeder_.ReadLanes(now);
    }
    workers_.Start(now);
    if (core_.TakeMoved()) again_ = true;
    StartFlush(now);
    Tell(now);
    Arm(now);
  } while (again_);
  driving_ = false;
  expirer_.Look();
}

void EndpointRunner::Counted() {
  if (stage_ == Stage::kStarting && !counter_.recounting()) Become(stage_, Stage::kRunning);
  Drive();
  Show();
}

// Another has settled its cursor. What it knows of it is no longer true, so it may send nothing more.
void EndpointRunner::Lose() {
  reporter_.CursorLost();
  if (Stops(stage_) || stage_ == Stage::kLost) return;
  Become(stage_, Stage::kLost);
  core_.Stop(true);
  workers_.LetGoAfter(std::chrono::milliseconds(0));
  expirer_.CallOff();
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
  // A stop does not wait for an expiry, which may still be changing the stored cursor. What is taken must be written,
  // and behind the gate nothing begins any more: the stop writes the rest itself.
  if (stage_ == Stage::kQuiet || stage_ == Stage::kLost || settler_.expiring() || tasks_.closed()) return;
  const bool everything = stage_ == Stage::kEnding && core_.in_flight() == 0;
  if (auto settlement = core_.TakeSettlement(now, everything)) {
    runtime::Spawn(around_.executor, tasks_, Flush(std::move(*settlement)));
  }
}

Task<> EndpointRunner::Flush(store::Settlement settlement) {
  co_await settler_.Flush(std::move(settlement));
  if (!Stops(stage_)) Drive();
}

// Sets the timer anew only when the core must be woken earlier: a wake too many costs less than setting the timer with
// each event.
void EndpointRunner::Arm(Moment now) {
  Ticks wake = core_.Wake(now);
  if (const auto retry = feeder_.retry(); retry && *retry > now.ticks) wake = std::min(wake, *retry);
  if (Stops(stage_) || stage_ == Stage::kLost || wake >= armed_) return;
  runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass) return;
  armed_ = wake;
  timer_.expires_after(std::chrono::nanoseconds(std::max(wake, now.ticks) - now.ticks));
  timer_.async_wait([this, pass = std::move(pass)](error_code ec) {
    if (ec) return;
    armed_ = kNever;
    Drive();
  });
}

void EndpointRunner::Ended(const Attempt& attempt, const sinks::Outcome& outcome) {
  const Moment now = Now();
  if (!attempt.refusal) reporter_.Ended(attempt, outcome, now);
  // It was asked before somebody resumed it, and may have been mended since.
  if (outcome.verdict == sinks::Verdict::kGone && attempt.id <= resumed_after_) return LetGo(attempt, outcome);
  core_.OnOutcome(attempt, outcome, now);
  if (!attempt.refusal) reporter_.Judged(outcome);
  DriveSoon();
}

void EndpointRunner::LetGo(const Attempt& attempt, const sinks::Outcome& outcome) {
  core_.OnLetGo(attempt, outcome, Now());
  DriveSoon();
}

Task<> EndpointRunner::Stop(std::chrono::milliseconds grace) {
  Become(stage_, Stage::kDraining);
  core_.Stop(true);
  reads_called_off_ = true;
  CallOff();
  co_await workers_.Drain(grace);
  timer_.cancel();
  tasks_.Close();
  co_await tasks_.Drained();
  co_await sink_->Close();
  co_await settler_.FlushEverything();
  if (settler_.lost()) Lose();
  Tell(Now());
  reporter_.TellUntold();
  Become(stage_, Stage::kStopped);
}

void EndpointRunner::Tell(Moment now) {
  for (const Note& note : core_.TakeNotes()) {
    // What a stop cuts short is no failure of the endpoint's.
    if (note.kind == Note::Kind::kFailing && Stops(stage_)) continue;
    reporter_.Tell(note, now);
    if (note.kind == Note::Kind::kPaused && !settler_.lost())
      runtime::Spawn(around_.executor, tasks_, settler_.StorePause(note.text, now.wall));
  }
}

void EndpointRunner::Pause(std::string reason, std::int64_t since) {
  core_.SetPause(std::move(reason), Now());
  reporter_.PausedByOperator(since);
  LetStalledGo();
  Drive();
  Show();
}

// A sink may keep what it was given until its destination is back, which would go out then, paused or not. Where that
// may have been received and must not be sent twice, it stays.
void EndpointRunner::LetStalledGo() {
  const bool waits = core_.pace().paused() && core_.in_flight() > 0 && sink_->Stalled();
  if (waits && Delivers(stage_) && core_.policy().retry_on_timeout) workers_.LetGoAfter(std::chrono::milliseconds(0));
}

void EndpointRunner::Resume() {
  if (Delivers(stage_)) workers_.KeepOn();
  resumed_after_ = core_.newest_attempt();
  core_.SetPause({}, Now());
  reporter_.Resumed();
  Drive();
  Show();
}

std::optional<std::chrono::nanoseconds> EndpointRunner::OldestPending() const {
  const auto recorded = feeder_.OldestRecorded();
  if (!recorded) return std::nullopt;
  const Moment now = Now();
  const auto age = AgeAt(now.wall, *recorded);
  if (!oldest_ || oldest_->after != core_.UnneededThrough()) return age;
  return std::max(age, std::chrono::nanoseconds(now.ticks - oldest_->since));
}

void EndpointRunner::WatchOldest(Moment now) {
  const store::Seq after = core_.UnneededThrough();
  if (core_.pending() == 0) {
    oldest_.reset();
  } else if (!oldest_ || oldest_->after != after) {
    oldest_ = {after, now.ticks};
  }
}

void EndpointRunner::Tick() {
  const bool works = !Stops(stage_) && stage_ != Stage::kLost;
  feeder_.Tick(works);
  WatchOldest(Now());
  if (works) {
    reporter_.Trouble(sink_->Trouble(), Now());
    core_.Stall(sink_->Stalled(), Now());
    LetStalledGo();
  }
  Show();
  reporter_.Summarize(OldestPending(), Now());
}

bool EndpointRunner::counted() const {
  const bool counts = !Stops(stage_) && stage_ != Stage::kLost && !counter_.recounting();
  return !counts || core_.counted() >= around_.ring.head();
}

void EndpointRunner::Show() { reporter_.Show(OldestPending()); }

EndpointStatus EndpointRunner::Status() const {
  EndpointStatus status = reporter_.Status(OldestPending());
  status.pending_is_estimate = !counter_.quiet() || stage_ == Stage::kLost;
  const Moment now = Now();
  const auto wall = [now](Ticks at) { return now.wall + (at - now.ticks); };
  status.delivered_last_minute = reporter_.DeliveredLastMinute(now);
  if (const auto next = core_.pace().NextTry(now.ticks)) status.next_try = wall(*next);
  if (status.condition == Condition::kDown) status.since = wall(core_.pace().breaker().since());
  return status;
}

}  // namespace portcall::broker
