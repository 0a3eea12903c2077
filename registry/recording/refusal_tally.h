#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "registry/recording/events.h"
#include "runtime/clock.h"
#include "store/event.h"

namespace portcall::registry {

// Decides which refused requests get an event of their own, so that a scanner cannot fill the disk with them. Of each
// actor at one address the first ten of a minute do. The further ones are counted, and one event stands for all of
// them: it says how many they were and whatever they have in common. One minute runs for all, from the first refusal
// after the last minute. One thread at a time: its owner guards it.
class RefusalTally {
 public:
  static constexpr std::size_t kSingly = 10;
  // How many pairs (actor, address) are told apart in a minute, and the memory for them and what is counted of them,
  // about. One event counts the refusals of all others.
  static constexpr std::size_t kKeys = 1024;
  static constexpr std::size_t kMaxBytes = 1 << 20;

  explicit RefusalTally(std::chrono::milliseconds minute) : minute_(minute) {}

  // One event for many; Seal makes it a draft, and costs an encoding.
  struct Folded {
    store::Event event;
    store::Details details;
    Draft Seal() &&;
  };
  // True: the draft is an event of its own. False: it was counted. Begins a minute where none runs.
  bool IsSingle(const Draft& draft, runtime::SteadyTime now);
  std::optional<runtime::SteadyTime> end() const { return end_; }  // of the minute that runs
  bool over(runtime::SteadyTime now) const { return end_ && now >= *end_; }
  std::vector<Folded> Take();  // ends the minute

 private:
  struct Tally {
    std::size_t singly = 0;
    std::optional<Folded> folded;
  };
  Tally* TallyOf(const Draft& draft);  // null: there is no room for one more
  void Fold(Tally* tally, const Draft& draft);

  const std::chrono::milliseconds minute_;
  std::unordered_map<std::string, Tally> tallies_;
  std::size_t bytes_ = 0;
  std::optional<Folded> others_;
  std::optional<runtime::SteadyTime> end_;
};

}  // namespace portcall::registry
