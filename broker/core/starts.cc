#include "broker/core/starts.h"

#include <cassert>
#include <iterator>
#include <utility>

namespace portcall::broker {
namespace {

template <class To>
void Move(std::deque<Attempt>& from, To& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

void Starts::Announce(Attempt attempt) {
  assert(announced_.empty() || announced_.back().id < attempt.id);
  announced_.push_back(std::move(attempt));
}

void Starts::FlushBegun() {
  assert(flushing_.empty());
  flushing_.swap(announced_);
}

void Starts::Flushed() {
  if (std::exchange(flushing_is_withdrawn_, false)) {
    Move(flushing_, withdrawn_);
  } else {
    Move(flushing_, durable_);
  }
}

bool Starts::Next(Attempt& attempt) {
  if (durable_.empty()) return false;
  attempt = std::move(durable_.front());
  durable_.pop_front();
  return true;
}

void Starts::Withdraw() {
  Move(durable_, withdrawn_);
  Move(announced_, withdrawn_);
  flushing_is_withdrawn_ = !flushing_.empty();
}

std::vector<Attempt> Starts::TakeBack() { return std::exchange(withdrawn_, {}); }

}  // namespace portcall::broker
