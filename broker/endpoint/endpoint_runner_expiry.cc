#include <algorithm>
#include <utility>

#include "broker/endpoint/endpoint_runner.h"

// The part of EndpointRunner that lets events expire.
namespace portcall::broker {

namespace {

constexpr std::chrono::milliseconds kPatience{2'000};  // with attempts that may still end by themselves
// And beyond that with the store's last answers, before the sweep goes on without this endpoint.
constexpr std::chrono::milliseconds kPatienceWithStore{5'000};

}  // namespace

bool EndpointRunner::Quiet() const { return core_.quiet() && core_.flushed() && counter_.quiet() && feeder_.quiet(); }

void EndpointRunner::WakeQuiet() {
  if (!quiet_ || (!called_off_ && !Quiet())) return;
  std::exchange(quiet_, {})(true);
}

void EndpointRunner::CallOff() {
  called_off_ = true;
  WakeQuiet();
}

Task<> EndpointRunner::Expire(store::Seq through) {
  const runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass || stopping_ || counter_.recounting() || expiring_ != Expiring::kNo) co_return;
  expiring_ = Expiring::kEnding;
  called_off_ = false;
  core_.Stop(true);
  core_.RenewAges(Now());
  // What must not be sent twice becomes a dead letter when it is let go: it has its whole timeout.
  const auto patience =
      workers_.Patience(core_.policy().retry_on_timeout ? kPatience : std::max(kPatience, endpoint_.timeout));
  workers_.LetGoAfter(patience);
  Timer limit(around_.executor);
  limit.expires_after(patience + kPatienceWithStore);
  limit.async_wait([this, held = tasks_.Enter()](error_code ec) {
    if (!ec) CallOff();
  });
  Drive();  // gives back what was about to start
  while (!called_off_ && !Quiet()) {
    co_await Suspend<bool>([this](Resume<bool> resume) { quiet_ = std::move(resume); });
  }
  limit.cancel();
  if (!called_off_) {
    expiring_ = Expiring::kQuiet;
    co_await ExpireQuietly(through);
  } else if (!stopping_) {
    around_.log.Warn("events could not expire yet: attempts or the database did not come to an end in time",
                     {{"endpoint", endpoint_.name}, {"through", std::to_string(through)}});
  }
  expiring_ = Expiring::kNo;
  core_.Stop(stopping_);
  if (stopping_) co_return;
  workers_.KeepOn();
  Drive();
}

Task<> EndpointRunner::ExpireQuietly(store::Seq through) {
  const auto expired = co_await settler_.Expire(through, called_off_);
  if (!expired) co_return;
  feeder_.Reloaded();
  if (expired->events == 0) co_return;
  reporter_.Expired(expired->from, expired->through, expired->events);
  if (auto dead = co_await settler_.CountDead()) reporter_.DeadLetters(*dead);
}

}  // namespace portcall::broker
