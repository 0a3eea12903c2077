#include "broker/core/refusals.h"

#include <algorithm>
#include <utility>

#include "broker/core/backoff.h"

namespace portcall::broker {
namespace {

// One event that is rejected says nothing of the endpoint.
constexpr int kFewestInARow = 2;
// A receiver that refuses many of its events for good has rows of rejections by chance, and none so long.
constexpr int kMostFalseAlarms = 3, kDoublings = 2;
constexpr int kProofs = 2;

int InARow(int threshold, int false_alarms) {
  constexpr int kLongest = 1'000'000;
  const int row = std::max(kFewestInARow, threshold);
  return static_cast<int>(Doubled(row, kDoublings * false_alarms, std::max(row, kLongest)));
}

}  // namespace

void Refusals::Restore(const Row& row) {
  GoOn(row);
  opened_ = row.opened;
  alarm_ = row.alarm;
  false_alarms_ = std::min(row.false_alarms, kMostFalseAlarms);
}

void Refusals::GoOn(const Row& row) {
  in_a_row_ = row.in_a_row;
  if (row.streak != 0) streak_ = row.streak;
}

Refusal Refusals::Count(RefusedEvent& event) {
  if (event.tested) {
    ++event.proofs;
    AlarmWas(/*right=*/false);
  }
  const bool counted = std::exchange(event.streak, streak_) == streak_;
  return {.ends = true, .counted = counted, .proven = event.proofs >= kProofs};
}

// So many in a row may be the endpoint's fault, so no more of them die until a delivery tells that it is not, unless
// none can, and the endpoint is known to take others after more of them.
Refusals::Doubt Refusals::Judge(AttemptId attempt, const Refusal& refusal, int threshold) {
  if (refusal.ends && !refusal.counted && in_a_row_++ == 0) first_ = attempt;
  const bool doubtful = refusal.ends && in_a_row_ >= InARow(threshold, 0);
  opened_ = doubtful && in_a_row_ >= InARow(threshold, false_alarms_);
  return {.endpoint = doubtful && (opened_ || !(refusal.proven || refusal.alone)), .opens = opened_};
}

bool Refusals::Delivered(AttemptId attempt) {
  if (in_a_row_ > 0 && attempt < first_) return false;
  if (std::exchange(in_a_row_, 0) > 0) ++streak_;
  if (std::exchange(opened_, false)) alarm_ = true;
  return true;
}

void Refusals::AlarmWas(bool right) {
  if (std::exchange(alarm_, false)) false_alarms_ = right ? 0 : std::min(false_alarms_ + 1, kMostFalseAlarms);
}

}  // namespace portcall::broker
