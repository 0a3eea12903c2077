#include <utility>

#include "broker/endpoint_runner.h"
#include "broker/expiry.h"

// The part of EndpointRunner that lets events expire.
namespace portcall::broker {

bool EndpointRunner::Quiet() const {
  return core_.quiet() && !reading_ && !counting_ && !recounting_ && !finding_oldest_;
}

void EndpointRunner::WakeQuiet() {
  if (!quiet_ || (!stopping_ && !Quiet())) return;
  std::exchange(quiet_, {})(true);
}

Task<> EndpointRunner::Expire(store::Seq through) {
  const runtime::Gate::Pass pass = tasks_.Enter();
  if (!pass || stopping_ || expiring_ != Expiring::kNo) co_return;
  expiring_ = Expiring::kEnding;
  core_.Stop(true);
  Drive();  // gives back what was about to start
  while (!stopping_ && !Quiet()) {
    co_await Suspend<bool>([this](Resume<bool> resume) { quiet_ = std::move(resume); });
  }
  expiring_ = Expiring::kQuiet;
  if (!stopping_) co_await ExpireQuietly(through);
  expiring_ = Expiring::kNo;
  core_.Stop(stopping_);
  if (!stopping_) Drive();
}

// Stored and held state are the same here, so the cursor is changed where it is stored and then loaded anew.
Task<> EndpointRunner::ExpireQuietly(store::Seq through) {
  if (!co_await FlushEverything()) co_return;
  auto load = [id = cursor_.id](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
    return store::LoadParked(s, id);
  };
  auto rows = co_await around_.store.Read(load);
  if (!rows) co_return;
  Expiry expiry(cursor_, std::move(*rows), core_.filter(), through);
  if (auto read = co_await ReadExpiring(around_.reader, around_.ring.head(), expiry, stopping_); !read) {
    if (stopping_) co_return;
    around_.log.Error("the event log could not be read",
                      {{"endpoint", endpoint_.name}, {"error", read.error().detail}});
    co_return;
  }
  const store::Settlement settlement = expiry.Finish(Now().wall);
  if (!co_await WriteOnce(settlement)) co_return;
  core_.Reload(cursor_, expiry.RowsAfter(settlement), Now());
  page_ = {};
  oldest_for_ = -1;
  if (expiry.expired() == 0) co_return;
  metrics_.Lost(expiry.expired());
  TellExpired(around_.log, endpoint_.name, expiry.first(), expiry.through(), expiry.expired());
  auto count = [this](store::Snapshot& s) -> Result<std::int64_t> { return store::CountDead(s, endpoint_.name); };
  if (auto dead = co_await around_.store.Read(count)) dead_letters_ = *dead;
}

}  // namespace portcall::broker
