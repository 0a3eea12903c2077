#include "broker/endpoint/settler.h"

#include <utility>
#include <vector>

#include "broker/endpoint/expiring.h"
#include "broker/endpoint/retry.h"
#include "broker/read_clock.h"
#include "runtime/failpoint.h"
#include "store/endpoints.h"

namespace portcall::broker {

Settler::Settler(const Surroundings& around, const config::Endpoint& endpoint, EndpointCore& core, store::Cursor cursor,
                 const Stage& stage)
    : around_(around), endpoint_(endpoint), core_(core), cursor_(std::move(cursor)), stage_(stage) {}

Moment Settler::Now() const { return Read(around_.clock); }

// What a settlement is before it is written for the first time it stays until it is written: where the outcome of a
// write is unknown, the next one under the same number settles nothing twice.
void Settler::Seal(store::Settlement& settlement) const {
  settlement.number = cursor_.settlements + 1;
  if (fingerprint_due_) settlement.fingerprint = core_.filter().fingerprint();
}

Task<Result<void>> Settler::WriteOnce(const store::Settlement& settlement) {
  runtime::Failpoint("before-flush");
  auto job = [&settlement](store::Tx& tx) { return store::Settle(tx, settlement); };
  Result<void> written = co_await around_.store.Write(job, store::Priority::kSettlement);
  lost_ = lost_ || (!written && written.error().code == Errc::kConflict);
  if (!written) {
    const std::string& error = written.error().detail;
    if (!lost_ && std::exchange(said_, error) != error) {
      around_.log.Error("deliveries could not be settled", {{"endpoint", endpoint_.name}, {"error", error}});
    }
    co_return written;
  }
  said_.clear();
  store::Apply(settlement, cursor_);
  if (!settlement.fingerprint.empty()) fingerprint_due_ = false;
  co_return written;
}

// Meanwhile the core goes on claiming, up to the number of events that a crash may repeat, so that pending events still
// go out while the disk is full.
Task<bool> Settler::WriteUntilDone(const store::Settlement& settlement) {
  while (!co_await WriteOnce(settlement)) {
    if (lost_ || Stops(stage_)) co_return false;
    co_await WaitToRetry(around_.executor);
  }
  co_return true;
}

Task<bool> Settler::Flush(store::Settlement settlement) {
  Seal(settlement);
  if (!co_await WriteUntilDone(settlement)) co_return false;
  core_.Flushed();
  co_return true;
}

Task<bool> Settler::FlushEverything() {
  if (lost_) co_return false;
  core_.RenewAges(Now());
  for (int i = 0; i < 8; ++i) {
    std::optional<store::Settlement> settlement = core_.TakeSettlement(Now(), true);
    if (!settlement) break;
    if (!co_await Flush(std::move(*settlement))) co_return false;
  }
  co_return true;
}

Task<> Settler::StorePause(std::string reason, std::int64_t since) {
  const store::EndpointState state{endpoint_.name, true, std::move(reason), endpoint_.fingerprint, false, since};
  auto job = [&state](store::Tx& tx) -> Result<bool> {
    const auto stored = store::FindEndpoint(store::ReadIn(tx), state.name);
    const bool overruled = stored && (stored->by_operator || stored->since > state.since);
    if (!overruled) store::PutEndpoint(tx, state);
    return true;
  };
  while (core_.pace().pause() == state.reason && !co_await around_.store.Write(job, store::Priority::kSettlement)) {
    if (lost_ || Stops(stage_)) co_return;
    co_await WaitToRetry(around_.executor);
  }
}

// What was surely not written is left to the next sweep; what may have been written must be known before the core goes
// on.
Task<bool> Settler::WriteExpiry(const store::Settlement& settlement) {
  Result<void> written = co_await WriteOnce(settlement);
  while (!written && written.error().code == Errc::kOutcomeUnknown && !Stops(stage_)) {
    co_await WaitToRetry(around_.executor);
    written = co_await WriteOnce(settlement);
  }
  co_return static_cast<bool>(written);
}

Task<std::optional<Settler::Expired>> Settler::Expire(store::Seq through, const bool& called_off) {
  expiring_ = true;
  auto expired = co_await ChangeCursor(through, called_off);
  expiring_ = false;
  co_return expired;
}

Task<std::optional<Settler::Expired>> Settler::ChangeCursor(store::Seq through, const bool& called_off) {
  auto load = [id = cursor_.id](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
    return store::LoadParked(s, id);
  };
  auto rows = co_await around_.store.Read(load);
  if (!rows) co_return std::nullopt;
  Expiry expiry(cursor_, std::move(*rows), core_.filter(), through);
  if (auto read = co_await ReadExpiring(around_.reader, around_.ring.head(), expiry, called_off); !read) {
    if (called_off) co_return std::nullopt;
    around_.log.Error("the event log could not be read",
                      {{"endpoint", endpoint_.name}, {"error", read.error().detail}});
    co_return std::nullopt;
  }
  store::Settlement settlement = expiry.Finish(Now().wall);
  Seal(settlement);
  if (!co_await WriteExpiry(settlement)) co_return std::nullopt;
  core_.Reload(cursor_, expiry.RowsAfter(settlement), Now());
  co_return Expired{expiry.first(), expiry.through(), expiry.expired()};
}

Task<Result<std::int64_t>> Settler::CountDead() {
  auto count = [this](store::Snapshot& s) -> Result<std::int64_t> { return store::CountDead(s, endpoint_.name); };
  co_return co_await around_.store.Read(count);
}

}  // namespace portcall::broker
