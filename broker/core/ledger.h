#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/moment.h"
#include "store/cursors.h"

namespace portcall::broker {

inline constexpr Ticks kFlushInterval = 50 * kMillisecond;
inline constexpr Ticks kQuietFlushInterval = kSecond;  // where only filtered or uncounted events were passed
inline constexpr std::int64_t kFlushEvents = 512;      // half the bound: the other half fills while the first commits
inline constexpr std::int64_t kMaxExposed = 1'024;     // settled, but not yet on disk: sent again after a crash

// What happened since the last settlement, until the next one takes it. One settlement is under way at a time.
class Ledger {
 public:
  void Delivered(const store::Event& event, std::int64_t at, int attempt, int status, std::int64_t latency_us);
  void Superseded(const store::Event& event, std::int64_t at, const std::string& by);  // `by`: an event's id
  void Received(const std::string& receipt) { receipt_ = receipt; }  // later ones stand for those before
  void Failed(store::AttemptRow row);  // beyond 1,024 rows a settlement, further ones are not recorded
  void Died(store::DeadLetter dead) {
    dead_bytes_ += store::BytesOf(dead.event);
    dead_.push_back(std::move(dead));
  }
  void Settled(Ticks now) {
    ++fresh_;
    Touch(now);
  }
  void Touch(Ticks now) {
    if (!touched_) touched_ = now;
  }
  void TouchQuietly(Ticks now) {
    if (!quiet_) quiet_ = now;
  }
  void Hurry() { hurry_ = true; }

  // Events that a crash would send again.
  std::int64_t exposed() const { return kept_ + fresh_; }
  // Of dead letters that are not on disk yet.
  std::size_t dead_bytes() const { return dead_bytes_ + dead_taken_; }
  bool flushing() const { return flushing_; }
  // When to write. kAtOnce: without waiting for more; kNever: nothing to write, or a settlement is under way.
  Ticks due() const;

  // Moves the records out; `kept`: settled events that the cursor still stands before.
  void Take(store::Settlement& settlement, std::int64_t kept);
  void Flushed() {
    flushing_ = false;
    kept_ = kept_after_;
    dead_taken_ = 0;
  }

 private:
  // Events that go into one row, if one more does: a row has one result, and is of one block of the log.
  struct Alike {
    bool delivered = false;
    int status = 0;
    std::string error;
    std::vector<store::SettledEvent> each = {};
  };
  static void AddRows(Alike& alike, std::vector<store::AttemptRow>& rows);

  std::vector<store::DeadLetter> dead_;
  std::vector<store::AttemptRow> failures_;
  std::vector<Alike> alike_;  // as many events as are settled between two flushes
  std::string receipt_;
  std::optional<Ticks> touched_, quiet_;  // since when there is something to write
  std::int64_t fresh_ = 0, kept_ = 0, kept_after_ = 0;
  std::size_t dead_bytes_ = 0, dead_taken_ = 0;
  bool flushing_ = false, hurry_ = false;
};

}  // namespace portcall::broker
