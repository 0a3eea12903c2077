#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "runtime/clock.h"
#include "runtime/gate.h"
#include "runtime/timer.h"
#include "sinks/sink.h"

namespace portcall::broker {

// Make the attempts that one endpoint's core lets them claim, side by side, up to the policy's window. Attempts that
// only a destination can end are let go when somebody waits for them: the sink is told to end them, again and again
// until none is left. Lives on the broker's loop; all that it is given must outlive it, and Drain must have ended
// before it is destroyed.
class Workers {
 public:
  using Call = std::function<void(const Attempt&, const sinks::Outcome&)>;
  struct Calls {
    Call ended;   // by itself
    Call let_go;  // by us
  };

  // `tasks` holds what waits to let attempts go.
  Workers(Executor executor, const runtime::Clock& clock, EndpointCore& core, sinks::Sink& sink, runtime::Gate& tasks,
          Calls calls);

  void Start(Moment now);  // as many attempts as the core lets go out now, and no more than the limit
  // Below the policy's window: what this endpoint may have of a limit that all share. Attempts under way stay.
  void Limit(int most) { most_ = std::clamp(static_cast<std::size_t>(most), std::size_t{1}, max_workers_); }

  // Lets attempts go that have not ended by themselves after `patience`. The sink works on as usual.
  void LetGoAfter(std::chrono::milliseconds patience);
  void KeepOn();  // takes that back
  // Shutdown: starts no more, lets attempts go after `grace`, and returns when none is left.
  Task<> Drain(std::chrono::milliseconds grace);

  // `most`, or nothing while the destination is known to be away: attempts will not end by themselves then.
  std::chrono::milliseconds Patience(std::chrono::milliseconds most) const;

 private:
  Task<> Work();
  bool Next(Attempt& attempt);
  std::size_t working() const { return workers_ - resting_.size(); }
  Task<sinks::Outcome> Try(const Attempt& attempt);
  void End(const Attempt& attempt, const sinks::Outcome& outcome);
  void ArmLetGo(std::chrono::milliseconds patience);

  const Executor executor_;
  const runtime::Clock& clock_;
  EndpointCore& core_;
  sinks::Sink& sink_;
  runtime::Gate& tasks_;
  const Calls calls_;
  const std::size_t max_workers_;
  std::size_t most_ = max_workers_;

  runtime::Gate attempts_;
  std::size_t workers_ = 0;
  std::vector<Resume<bool>> resting_;
  std::deque<Attempt> claimed_;  // each has a worker on its way, which takes the first

  enum class LettingGo : std::uint8_t { kNo, kInterrupts, kAborts } letting_go_ = LettingGo::kNo;
  Timer patience_;
  AttemptId let_go_through_ = 0;  // attempts up to this one were ended by us, unless they ended by themselves
};

}  // namespace portcall::broker
