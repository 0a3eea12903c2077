#include "broker/endpoint/workers.h"

#include <utility>

#include "broker/read_clock.h"
#include "runtime/failpoint.h"

namespace portcall::broker {
namespace {

constexpr std::chrono::milliseconds kLetGoAgain{100};

}  // namespace

Workers::Workers(Executor executor, const runtime::Clock& clock, EndpointCore& core, sinks::Sink& sink,
                 runtime::Gate& tasks, Calls calls)
    : executor_(executor),
      clock_(clock),
      core_(core),
      sink_(sink),
      tasks_(tasks),
      calls_(std::move(calls)),
      max_workers_(static_cast<std::size_t>(core.policy().window)),
      patience_(executor) {}

void Workers::Start(Moment now) {
  Attempt attempt;
  while (working() < most_ && core_.Claim(now, attempt)) {
    claimed_.push_back(std::move(attempt));
    if (!resting_.empty()) {
      Resume<bool> worker = std::move(resting_.back());
      resting_.pop_back();
      worker(true);
    } else {
      ++workers_;
      runtime::Spawn(executor_, attempts_, Work());
    }
  }
}

// Attempts go out in the order of their claims, whichever worker asks first.
bool Workers::Next(Attempt& attempt) {
  if (claimed_.empty()) return working() <= most_ && core_.Claim(Read(clock_), attempt);
  attempt = std::move(claimed_.front());
  claimed_.pop_front();
  return true;
}

// A worker: makes one attempt after another.
Task<> Workers::Work() {
  Attempt attempt;
  for (;;) {
    while (Next(attempt)) {
      const sinks::Outcome outcome = co_await Try(attempt);
      End(attempt, outcome);
    }
    attempt = {};  // a worker that rests keeps no event
    if (attempts_.closed()) break;
    co_await Suspend<bool>([this](Resume<bool> resume) { resting_.push_back(std::move(resume)); });
  }
  --workers_;
}

Task<sinks::Outcome> Workers::Try(const Attempt& attempt) {
  runtime::Failpoint("before-send");
  if (attempt.refusal) co_return co_await sink_.SetAside(attempt.event, attempt.refusal);
  sinks::Batch batch;
  batch.events.push_back(attempt.event);
  batch.attempt = attempt.number;
  sinks::Outcome outcome = co_await sink_.Deliver(std::move(batch));
  runtime::Failpoint("after-response");
  co_return outcome;
}

void Workers::End(const Attempt& attempt, const sinks::Outcome& outcome) {
  const bool cut_short = outcome.verdict == sinks::Verdict::kFailed && outcome.status == 0;
  if (attempt.id <= let_go_through_ && cut_short) {
    calls_.let_go(attempt, outcome);
  } else {
    calls_.ended(attempt, outcome);
  }
}

std::chrono::milliseconds Workers::Patience(std::chrono::milliseconds most) const {
  return sink_.Stalled() ? std::chrono::milliseconds(0) : most;
}

void Workers::LetGoAfter(std::chrono::milliseconds patience) {
  letting_go_ = LettingGo::kInterrupts;
  ArmLetGo(patience);
}

void Workers::KeepOn() {
  letting_go_ = LettingGo::kNo;
  patience_.cancel();
}

// An attempt between two steps may miss the call, so it is repeated until there are none.
void Workers::ArmLetGo(std::chrono::milliseconds patience) {
  runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass) return;
  patience_.expires_after(patience);
  patience_.async_wait([this, pass = std::move(pass)](error_code ec) {
    if (ec || letting_go_ == LettingGo::kNo || core_.in_flight() == 0) return;
    let_go_through_ = core_.newest_attempt();
    if (letting_go_ == LettingGo::kAborts) {
      sink_.Abort();
    } else {
      sink_.Interrupt();
    }
    ArmLetGo(kLetGoAgain);
  });
}

Task<> Workers::Drain(std::chrono::milliseconds grace) {
  letting_go_ = LettingGo::kAborts;
  attempts_.Close();
  for (Resume<bool>& worker : std::exchange(resting_, {})) worker(true);
  ArmLetGo(Patience(grace));
  co_await attempts_.Drained();
  patience_.cancel();
}

}  // namespace portcall::broker
