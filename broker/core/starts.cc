#include "broker/core/starts.h"

#include <cassert>
#include <iterator>
#include <utility>

namespace portcall::broker {

void Starts::Announce(Attempt attempt) {
  assert(announced_.empty() || announced_.back().id < attempt.id);
  announced_.push_back(std::move(attempt));
}

void Starts::FlushBegun() {
  assert(flushing_.empty());
  flushing_.swap(announced_);
}

void Starts::Flushed() {
  durable_.insert(durable_.end(), std::make_move_iterator(flushing_.begin()), std::make_move_iterator(flushing_.end()));
  flushing_.clear();
}

bool Starts::Next(Attempt& attempt) {
  if (durable_.empty()) return false;
  attempt = std::move(durable_.front());
  durable_.pop_front();
  return true;
}

std::vector<Attempt> Starts::TakeBack() {
  std::vector<Attempt> back;
  for (std::deque<Attempt>* line : {&announced_, &durable_}) {
    back.insert(back.end(), std::make_move_iterator(line->begin()), std::make_move_iterator(line->end()));
    line->clear();
  }
  return back;
}

}  // namespace portcall::broker
