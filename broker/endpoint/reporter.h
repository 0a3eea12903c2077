#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/endpoint_metrics.h"
#include "broker/endpoint/recent_count.h"
#include "runtime/log.h"

namespace portcall::broker {

// What operators hear and see of one endpoint: log lines, gauges, status, the number of its dead letters. It looks at
// the core and changes nothing in it; it waits for nothing, so nothing is left of it at shutdown. Lives on the broker's
// loop; core, entry and log must outlive it.
//
// `oldest` is the age of the oldest event that is pending, if one is and it is known.
class Reporter {
 public:
  struct Begin {
    std::int64_t dead_letters = 0;
    bool was_failing = false;  // under its previous entry
    bool paused_by_operator = false;
    std::int64_t paused_since = 0;
  };

  Reporter(runtime::Log& log, runtime::Metrics& metrics, const config::Endpoint& endpoint, const EndpointCore& core,
           Begin begin);

  void StillPaused();                                                     // at the start
  void Recorded(const store::Event& event) { metrics_.Recorded(event); }  // the endpoint wants it
  // Before and after the core has judged an attempt.
  void Ended(const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  void Judged(const sinks::Outcome& outcome);
  void Tell(const Note& note, Moment now);
  // What the sink says of its trouble now. A delivery that waits inside the sink does not fail, so operators learn of
  // it by these lines only.
  void Trouble(std::string trouble, Moment now);
  void Expired(store::Seq from, store::Seq through, std::int64_t events);
  void PausedByOperator(std::int64_t since);
  void Resumed();
  std::uint64_t DeliveredLastMinute(Moment now) const { return delivered_.At(now.ticks); }
  void CursorLost();  // once, however often it is called; nothing more is summarized then
  void DeadTrimmed(std::int64_t rows) { dead_letters_ -= rows; }
  void DeadLetters(std::int64_t stored) { dead_letters_ = stored; }

  // Once a minute while the endpoint fails, and a minute after dead letters that were not named; other calls do
  // nothing.
  void Summarize(std::optional<std::chrono::nanoseconds> oldest, Moment now);
  void TellUntold();  // the number of dead letters that were not named, if there are any; also at the end
  void Show(std::optional<std::chrono::nanoseconds> oldest);  // the gauges as they are now
  EndpointStatus Status(std::optional<std::chrono::nanoseconds> oldest) const;
  bool failing() const {
    const bool paused_itself = core_.pace().paused() && !by_operator_;
    return was_failing_ || core_.pace().failing() || paused_itself || !trouble_.empty();
  }

 private:
  struct State {
    Condition condition;
    std::string reason;
  };
  State state() const;  // the gravest of what can be said
  void TellFailing(const Note& note, Moment now);
  void TellOpened(const Note& note, Moment now);
  void TellRecovered(const Note& note);
  void TellDead(const Note& note, Moment now);
  void TellPaused(const Note& note, Moment now);
  void TellSuperseded(const Note& note);
  std::int64_t TakeUntold();
  std::string Pending() const { return std::to_string(core_.pending()); }

  runtime::Log& log_;
  const config::Endpoint& endpoint_;
  const EndpointCore& core_;
  EndpointMetrics metrics_;
  std::int64_t dead_letters_;
  bool was_failing_;           // the runner before this one was failing; until the first attempt has ended
  bool by_operator_;           // of its pause
  std::int64_t paused_since_;  // likewise, wall clock, ns; 0: not known
  RecentCount delivered_;
  std::optional<LastError> last_error_;
  std::string trouble_;                // what the sink last told of its trouble
  std::optional<Ticks> next_summary_;  // while the endpoint fails
  bool cursor_lost_ = false;
  std::optional<Ticks> next_deaths_;  // when more of them are named again
  std::int64_t deaths_told_ = 0, deaths_untold_ = 0;
};

}  // namespace portcall::broker
