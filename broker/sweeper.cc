#include "broker/sweeper.h"

#include <algorithm>
#include <utility>

#include "broker/read_clock.h"
#include "store/endpoints.h"

namespace portcall::broker {
namespace {

// With endpoints that let events expire: most need no more, since attempts under way have two seconds.
constexpr std::chrono::milliseconds kPatience{3'000};
// The part of events.maxsize by which the log may grow before it is looked at again.
constexpr std::int64_t kGrowthParts = 20;

}  // namespace

Sweeper::Sweeper(const Surroundings& around, const Runners& runners, Orphans& orphans, runtime::Gate& gate,
                 std::chrono::milliseconds interval)
    : around_(around),
      runners_(runners),
      orphans_(orphans),
      gate_(gate),
      interval_(interval),
      retention_(around.store, around.log, around.clock,
                 {[this](store::Seq through) { return ExpireOfAll(through); },
                  [this](store::Seq through) { return orphans_.Expire(through, held_); },
                  [this](const std::string& endpoint, std::size_t rows) { DeadTrimmed(endpoint, rows); }}),
      timer_(around.executor),
      patience_(around.executor) {}

void Sweeper::Start() {
  expires_from_ = Read(around_.clock).ticks + std::chrono::nanoseconds(interval_).count();
  runtime::Spawn(around_.executor, gate_, Run());
}

Task<> Sweeper::Run() {
  while (!ended_) {
    if (!asked_) {
      timer_.expires_after(interval_);
      co_await timer_.async_wait(nothrow);
    }
    asked_ = false;
    if (!held_) co_await Round();
  }
}

Task<> Sweeper::Round() {
  sweeping_ = true;
  std::vector<std::int64_t> run;
  for (const auto& runner : runners_) run.push_back(runner->cursor());
  co_await orphans_.Tidy(std::move(run), held_);
  if (!held_) co_await retention_.Sweep(held_);
  sweeping_ = false;
  // A round that was cut short has not seen the log's size.
  if (!held_) grown_ = 0;
  outgrown_ = retention_.FullWith(grown_);
  for (Resume<bool>& holding : std::exchange(holding_, {})) holding(true);
}

// Orphans count theirs anew in each round.
void Sweeper::DeadTrimmed(const std::string& endpoint, std::size_t rows) {
  for (const auto& runner : runners_) {
    if (runner->endpoint().name == endpoint) runner->DeadTrimmed(static_cast<std::int64_t>(rows));
  }
}

void Sweeper::Ask() {
  asked_ = true;
  timer_.cancel();
}

void Sweeper::Grown(std::size_t bytes) {
  grown_ += static_cast<std::int64_t>(bytes);
  const std::int64_t most = retention_.max_bytes();
  if (most != 0 && grown_ >= most / kGrowthParts) Ask();
  outgrown_ = retention_.FullWith(grown_);
}

Task<> Sweeper::Hold() {
  held_ = true;
  around_.reader.LookAgain();
  WakeRound();
  while (sweeping_) {
    co_await Suspend<bool>([this](Resume<bool> resume) { holding_.push_back(std::move(resume)); });
  }
}

Task<> Sweeper::HoldAndTouch(std::shared_ptr<Result<bool>> touched) {
  co_await Hold();
  auto touch = [](store::Tx& tx) -> Result<bool> {
    store::Touch(tx);
    return true;
  };
  *touched = co_await around_.store.Write(touch, store::Priority::kSettlement);
}

void Sweeper::Release() {
  if (ended_) return;
  held_ = false;
  Ask();
}

void Sweeper::End() {
  ended_ = held_ = true;
  around_.reader.LookAgain();
  timer_.cancel();
  WakeRound();
}

void Sweeper::WakeRound() {
  if (waiting_) std::exchange(waiting_, {})(true);
}

// All endpoints at once, since each may have to wait for its own attempts.
Task<> Sweeper::ExpireOfAll(store::Seq through) {
  if (Read(around_.clock).ticks < expires_from_) co_return;
  std::vector<std::int64_t> cursors;
  for (const auto& runner : runners_) {
    if (runner->UnneededThrough() >= through || !expiring_.insert(runner->cursor()).second) continue;
    cursors.push_back(runner->cursor());
  }
  for (const std::int64_t cursor : cursors) {
    if (!runtime::Spawn(around_.executor, gate_, ExpireOf(cursor, through))) expiring_.erase(cursor);
  }
  co_await AwaitExpiries(std::move(cursors));
  if (!held_) co_await orphans_.Expire(through, held_);
}

Task<> Sweeper::ExpireOf(std::int64_t cursor, store::Seq through) {
  const auto runner = std::ranges::find(runners_, cursor, [](const auto& r) { return r->cursor(); });
  if (runner != runners_.end()) co_await (*runner)->Expire(through);
  expiring_.erase(cursor);
  WakeRound();
}

Task<> Sweeper::AwaitExpiries(std::vector<std::int64_t> cursors) {
  impatient_ = false;
  patience_.expires_after(kPatience);
  patience_.async_wait([this, pass = gate_.Enter()](error_code ec) {
    if (ec) return;
    impatient_ = true;
    WakeRound();
  });
  const auto expires = [this](std::int64_t cursor) { return expiring_.contains(cursor); };
  while (!held_ && !impatient_ && std::ranges::any_of(cursors, expires)) {
    co_await Suspend<bool>([this](Resume<bool> resume) { waiting_ = std::move(resume); });
  }
  patience_.cancel();
}

}  // namespace portcall::broker
