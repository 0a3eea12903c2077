#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "registry/recording/events.h"
#include "registry/recording/pull_recorder.h"
#include "runtime/clock.h"
#include "runtime/mutex.h"
#include "runtime/task.h"

namespace portcall::registry {

// Puts refused requests into the log, so that a scanner cannot fill the disk with them. Of each actor at one address
// the first ten of a minute are events of their own. The further ones are counted, and one event for all of them
// follows when the minute ends: it says how many they were and whatever they have in common. One minute runs for all,
// from the first refusal after the last minute. All go through the recorder's queue. Callable from any loop.
class Refusals {
 public:
  static constexpr std::size_t kSingly = 10;
  // How many pairs (actor, address) are told apart in a minute. One event counts the refusals of all others.
  static constexpr std::size_t kKeys = 1024;
  static constexpr std::chrono::seconds kMinute{60};

  Refusals(PullRecorder& recorder, const runtime::Clock& clock);
  ~Refusals();  // queues what is counted; Record must not be called any more

  // `address` is the client's without a port: each new connection has another.
  Task<void> Record(Draft draft, std::string_view address);
  // Queues what is counted when the minute is over. A thread of its own calls this while a minute runs.
  void EndMinute();

 private:
  // One event for many.
  struct Folded {
    store::Event event;
    store::Details details;
  };
  struct Tally {
    std::size_t singly = 0;
    std::optional<Folded> folded;
  };
  static void Fold(std::optional<Folded>& all, const Draft& draft, std::string_view address);
  static void KeepCommon(Folded& all, const Folded& one);
  // False: it was counted instead.
  bool IsSingle(const Draft& draft, std::string_view address);
  std::vector<Draft> TakeFolded() REQUIRES(mutex_);  // ends the minute
  void Run();

  PullRecorder& recorder_;
  const runtime::Clock& clock_;
  runtime::Mutex mutex_;
  runtime::CondVar wake_;
  std::unordered_map<std::string, Tally> tallies_ GUARDED_BY(mutex_);
  std::optional<Folded> others_ GUARDED_BY(mutex_);            // refusals beyond kKeys
  std::optional<runtime::SteadyTime> end_ GUARDED_BY(mutex_);  // of the minute that runs
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace portcall::registry
