#pragma once

#include <cstdint>
#include <optional>

#include "broker/core/attempt_id.h"
#include "broker/core/moment.h"

namespace portcall::broker {

// What an event's refusals say of it: a part of its lane's trial.
struct RefusedEvent {
  std::uint64_t streak = 0;    // that it was last counted in; 0: it was not refused to its end
  AttemptId kept = 0;          // it was, and stays nevertheless: the id that the next attempt had then. 0: not
  bool tested = false;         // its attempt began after a delivery that began after it was kept
  int proofs = 0;              // how often it was refused nevertheless
  std::optional<Ticks> since;  // its first refusal, on the clock that runs while the endpoint answers

  // It stays until a delivery tells whether the endpoint takes events at all.
  void Keep(AttemptId next) {
    kept = next;
    tested = false;
  }
  void LetGo() {
    kept = 0;
    tested = false;
  }
  bool Fits() const { return (streak != 0 || (kept == 0 && proofs == 0)) && (kept != 0 || !tested); }
};

// What a refusal means for its event.
struct Refusal {
  bool ends = false;     // by its answer the event would die
  bool counted = false;  // it was to die before, and nothing was delivered since
  bool proven = false;   // it was refused again and again, with deliveries between
  bool alone = false;    // it holds up others, and no other event can tell whether the endpoint takes any
};

// Whether refusals are their events' fault or the endpoint's (docs/delivery.md §4, Rejections). A streak is the events
// that were refused to their end with no delivery between; each counts once in it, however often it is refused. What
// left before the first of them did tells nothing of what the endpoint does since. One thread.
//
//   opened   the breaker, by a streak: all that is refused is the endpoint's fault until a delivery.
//   alarm    such a delivery came, and it is not known yet whether the endpoint was to blame. A streak that opens the
//            breaker anew may come before.
class Refusals {
 public:
  // What is stored of them.
  struct Row {
    int in_a_row = 0;
    std::uint64_t streak = 0;
    bool opened = false, alarm = false;
    int false_alarms = 0;
    bool plain() const { return in_a_row == 0 && !opened && !alarm && false_alarms == 0; }
    bool operator==(const Row&) const = default;
  };
  struct Doubt {
    bool endpoint = false;  // it may be to blame, so the event stays
    bool opens = false;     // so many are none of chance: the breaker
  };

  // `streak`: the first one's, of no event that was counted before.
  explicit Refusals(std::uint64_t streak) : streak_(streak) {}
  Row row() const { return {in_a_row_, in_a_row_ > 0 ? streak_ : 0, opened_, alarm_, false_alarms_}; }
  void Restore(const Row& row);
  // Of another entry: the streak goes on, or each change of an entry would cost events anew. What else was known may
  // have been another receiver's.
  void GoOn(const Row& row);

  bool opened() const { return opened_; }
  // The endpoint is known to refuse many in a row and yet to take others.
  bool many() const { return false_alarms_ > 0; }

  // An event was refused to its end.
  Refusal Count(RefusedEvent& event);
  // What that says of the endpoint while the breaker was not opened by a streak. `threshold`: of the breaker.
  Doubt Judge(AttemptId attempt, const Refusal& refusal, int threshold);
  // False: it left before the streak began, which goes on.
  bool Delivered(AttemptId attempt);
  // What became, after a delivery, of an event that was kept: whether its refusals had been the endpoint's.
  void AlarmWas(bool right);

 private:
  int in_a_row_ = 0;
  std::uint64_t streak_;
  AttemptId first_ = 0;  // whose refusal began the streak
  bool opened_ = false, alarm_ = false;
  // How often what was kept was refused again after a delivery: each time it takes more in a row to open the breaker.
  int false_alarms_ = 0;
};

}  // namespace portcall::broker
