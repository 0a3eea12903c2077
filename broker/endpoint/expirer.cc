#include "broker/endpoint/expirer.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "broker/read_clock.h"
#include "runtime/timer.h"

namespace portcall::broker {

Expirer::Expirer(const Surroundings& around, const config::Endpoint& endpoint, Parts parts, runtime::Gate& tasks,
                 Stage& stage, std::function<void()> drive, Patience patience)
    : around_(around),
      endpoint_(endpoint),
      parts_(parts),
      tasks_(tasks),
      stage_(stage),
      drive_(std::move(drive)),
      patience_(patience) {}

bool Expirer::Quiet() const {
  return parts_.core.quiet() && parts_.core.flushed() && parts_.counter.quiet() && parts_.feeder.quiet();
}

void Expirer::Look() {
  if (!waiting_ || (!called_off_ && !Quiet())) return;
  std::exchange(waiting_, {})(true);
}

void Expirer::CallOff() {
  called_off_ = true;
  around_.reader.LookAgain();
  Look();
}

// What must not be sent twice becomes a dead letter when it is let go: it has its whole timeout.
std::chrono::milliseconds Expirer::PatienceWithAttempts() const {
  const bool repeatable = parts_.core.policy().retry_on_timeout;
  return parts_.workers.Patience(repeatable ? patience_.attempts : std::max(patience_.attempts, endpoint_.timeout));
}

Task<> Expirer::AwaitQuiet(std::chrono::milliseconds most) {
  Timer limit(around_.executor);
  limit.expires_after(most);
  limit.async_wait([this, pass = tasks_.Enter()](error_code ec) {
    if (!ec) CallOff();
  });
  while (!called_off_ && !Quiet()) {
    co_await Suspend<bool>([this](Resume<bool> resume) { waiting_ = std::move(resume); });
  }
}

Task<> Expirer::Expire(store::Seq through) {
  const runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass || stage_ != Stage::kRunning) co_return;
  assert(!waiting_);
  Become(stage_, Stage::kEnding);
  called_off_ = false;
  parts_.core.Stop(true);
  parts_.core.RenewAges(Read(around_.clock));
  const std::chrono::milliseconds patience = PatienceWithAttempts();
  parts_.workers.LetGoAfter(patience);
  drive_();  // gives back what was about to start
  co_await AwaitQuiet(patience + patience_.store);
  if (!called_off_) {
    co_await ChangeCursor(through);
  } else if (stage_ == Stage::kEnding) {
    around_.log.Warn("events could not expire yet: attempts or the database did not come to an end in time",
                     {{"endpoint", endpoint_.name}, {"through", std::to_string(through)}});
  }
  GoOn();
}

Task<> Expirer::ChangeCursor(store::Seq through) {
  assert(stage_ == Stage::kEnding && Quiet());
  Become(stage_, Stage::kQuiet);
  const auto expired = co_await parts_.settler.Expire(through, called_off_);
  if (!expired) co_return;
  parts_.feeder.Reloaded();
  if (expired->events == 0) co_return;
  parts_.reporter.Expired(expired->from, expired->through, expired->events);
  if (auto dead = co_await parts_.settler.CountDead()) parts_.reporter.DeadLetters(*dead);
}

void Expirer::GoOn() {
  const bool held = stage_ == Stage::kEnding || stage_ == Stage::kQuiet;
  if (held) Become(stage_, Stage::kRunning);
  parts_.core.Stop(!held);  // also what it has just loaded
  if (!held) return;
  parts_.workers.KeepOn();
  drive_();
}

}  // namespace portcall::broker
