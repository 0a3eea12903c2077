#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "tests/broker/simulation_lanes.h"

namespace portcall::broker {

// A virtual world around one EndpointCore: a log, a store that may lose what was not flushed, a receiver that keeps a
// ledger. Time moves from one happening to the next.
class Simulation {
 public:
  using Receiver = std::function<sinks::Outcome(const store::Event&, Moment)>;

  // `capacity`: of a sink that pipelines lanes; it keeps their order and reports as it likes. Its window counts then.
  Simulation(config::Endpoint endpoint, std::uint64_t seed, std::optional<sinks::Capacity> capacity = {});

  void Append(const std::string& repository, store::Action action = store::Action::kPush, const std::string& tag = "");
  void RunFor(Ticks duration) { RunUntil(now_ + duration, false); }
  bool RunUntilIdle(Ticks limit);  // everything wanted is settled and on disk
  // Loses what was not flushed, and is away for a while; attempts in flight may or may not have arrived.
  void Crash(Ticks away = 0, std::optional<config::Endpoint> changed = {});
  // Stops in order, then starts again.
  void Restart(const std::function<void()>& between = [] {});
  // With a changed entry: order, filters, name or whatever else. What its filters now want is counted anew.
  void Reload(config::Endpoint endpoint);
  void DeleteUnneeded();  // events that nobody needs leave the log
  void MoveWallClock(Ticks by) { wall_moved_ += by; }
  void Expire(store::Seq through);  // of what is unsettled; without a restart
  void LetGo();                     // of attempts in flight: each may have arrived, nothing of it comes later

  EndpointCore& core() { return *core_; }
  Moment now() const { return {now_, now_ + kEpoch + wall_moved_}; }
  const config::Endpoint& endpoint() const { return endpoint_; }

  std::string details;                 // of events that follow
  Receiver receiver;                   // how an attempt ends
  Receiver place;                      // how setting an event aside does; unset: mostly well
  std::optional<Ticks> place_latency;  // of that; unset: as of an attempt
  Ticks latency = 2 * kMillisecond;    // of an attempt, before jitter
  std::map<store::Seq, Ticks> slow;    // events and the latency of their attempts
  Ticks flush_latency = 3 * kMillisecond, read_latency = kMillisecond;
  double failing_flushes = 0;             // the share of flushes that fail; each is tried again
  double silent_attempts = 0;             // the share of attempts that never get an answer
  std::optional<std::size_t> hangs_from;  // events with so large details are answered when the time is over

  std::vector<store::EventPtr> log;
  std::map<store::Seq, int> sends, accepted, asides;
  std::set<store::Seq> unanswered;               // ended without an answer
  std::map<store::Seq, store::DeadLetter> dead;  // as stored
  store::Cursor cursor;                          // as stored
  std::string paused;                            // why, at the next start
  std::map<std::string, store::ParkedLane> rows;
  std::vector<store::DeadLetter> ranges;  // the expired ones, as stored
  std::set<store::Seq> expired;
  std::set<store::Seq> passed_over;  // which an earlier filter did not want, and which no row keeps
  std::vector<store::AttemptRow> attempts;
  std::vector<Note> notes;
  std::map<store::Seq, store::Seq> superseded;  // by which
  std::vector<std::pair<Ticks, store::Seq>> sent_at;
  std::vector<std::string> violations;
  int in_flight_peak = 0;
  std::size_t lane_reads = 0, rows_written = 0;

 private:
  static constexpr Ticks kEpoch = 1'700'000'000 * kSecond;
  struct Happening {
    Ticks at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Happening& other) const { return std::tie(other.at, other.order) < std::tie(at, order); }
  };
  void Start();
  void Recount();
  void Enter(config::Endpoint endpoint);
  void ArrangeLanes(bool anew);
  std::vector<store::ParkedLane> StoredRows() const;
  bool WaitsInRow(const store::Event& event) const;
  bool SettledAsStored(const store::Event& event) const;
  void Flush(store::Settlement settlement);
  void At(Ticks delay, std::function<void()> run);
  void Drive();
  void RunUntil(Ticks end, bool settled);
  void Feed();
  void Send(Attempt attempt);
  void Arrive(const Attempt& attempt);
  void SetAside(const Attempt& attempt);
  sinks::Outcome AsideOutcome(const store::Event& event);
  void CheckSentenced(store::Seq seq);
  void Answer(const Attempt& attempt, const sinks::Outcome& outcome);
  void CheckUnneeded();
  void TakeNotes();
  void CheckSuperseded(const Note& note);
  void CheckNewest(const store::Event& event);
  void ReadLane(const LaneRead& read);
  void FlushEverything();
  void Pass(Ticks until);
  void CheckAge(const Note& death);
  void Commit(const store::Settlement& settlement);
  void Accept(store::Seq seq);
  void CheckExposed();
  void CountRepeatable();
  void MayRepeat(const std::vector<Attempt>& let_go);
  void CheckOrder(const store::Event& event);
  bool Ended(store::Seq seq) const {
    return accepted.contains(seq) || died_.contains(seq) || superseded.contains(seq) || hopeless_.contains(seq);
  }
  void Violate(const std::string& what);
  bool Settled();

  struct Pipe {  // of one lane, inside a sink that pipelines
    Ticks last = 0;
    int flying = 0;
    bool broken = false;
  };

  config::Endpoint endpoint_;
  const std::optional<sinks::Capacity> capacity_;
  Chance chance_;
  std::unique_ptr<EndpointCore> core_;
  std::priority_queue<Happening> happenings_;
  PromisedLanes lanes_;
  std::unordered_map<std::uint64_t, Pipe> pipes_;          // by the number of the lane
  std::unordered_map<store::Seq, std::uint64_t> sent_in_;  // that number, this life
  std::set<store::Seq> died_;                              // as decided
  std::set<store::Seq> sentenced_;                         // those that are set aside, of this life
  std::set<store::Seq> hopeless_;                          // as the sink said
  std::set<store::Seq> undecided_;                         // of them, those that have not died yet
  std::set<store::Seq> behind_;                            // accepted behind such a one: may be sent again
  std::set<store::Seq> repeatable_;  // accepted, but not settled as it is stored: a start or a let-go sends them again
  std::unordered_set<store::Seq> exposed_;  // accepted in this life, and neither repeatable nor accepted behind such
  std::map<AttemptId, Attempt> in_flight_;
  int let_go_ = 0;  // how often
  bool expiring_ = false;
  Ticks now_ = kSecond;
  Ticks active_ = 0;                      // how long the endpoint could be delivered to
  std::map<store::Seq, Ticks> tried_at_;  // of it, at the first attempt
  std::uint64_t order_ = 0, life_ = 0, entries_ = 0;
  Ticks wall_moved_ = 0;
  store::Seq deleted_through_ = 0;
  store::Seq unneeded_ = 0;     // as it was checked last
  bool stored_changed_ = true;  // since then
};

}  // namespace portcall::broker
