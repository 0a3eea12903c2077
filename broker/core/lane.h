#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/lane_id.h"
#include "broker/core/lane_key.h"
#include "broker/core/lane_queue.h"
#include "broker/core/moment.h"
#include "broker/core/refusals.h"
#include "sinks/outcome.h"

namespace portcall::broker {

// The reason of a row whose lane the cursor had to pass.
inline constexpr std::string_view kReasonInFlight = "in flight";
// What is shown of a row that was written before its attempt left, where a repetition would do harm. What the row says
// is in its field: reasons are texts that receivers write as well.
inline constexpr std::string_view kReasonStarted = "started";

// What a lane does. lane.cc has the table of who may follow whom.
enum class LaneState : std::uint8_t {
  kIdle,      // stands in no line: has nothing to do, or its next step is being decided
  kReady,     // in the ready line; where lanes are pipelined, its first events may be in flight
  kStarting,  // its attempt waits until its `started` row is durable
  kInFlight,
  kHalted,    // in flight; one or more failed before their turn: no more are claimed until these were at the front
  kDraining,  // the front event failed and waits for those behind it to end
  kWaiting,   // for its due time
  kToBeRead,  // in the line of lanes to be read
  kBeingRead,
};
bool MayFollow(LaneState from, LaneState to);

// One lane of one endpoint: events that go out one after another. A parked lane remembers that events behind the cursor
// are unsettled: they are read by index, from behind.loaded_through on, when the lane's turn comes.
struct Lane {
  // What it has in flight, which are the queue's first entries.
  struct Flight {
    std::size_t sent = 0;    // in flight, or ended before their turn
    std::size_t flying = 0;  // those of them that have not ended
  };
  // Its place behind the cursor.
  struct Behind {
    bool parked = false;            // has unsettled events that the cursor passed
    store::Seq next_seq = 0;        // of the row
    store::Seq loaded_through = 0;  // parked: everything up to here was in the queue
    store::Seq passed_through = 0;  // parked: the last event of this lane that the cursor passed
    std::size_t next_bytes = 0;     // of its first event, 0: not known
    store::Seq untried = 0;         // while it waits and was never attempted: by what it stands among those
    std::size_t reserved = 0;       // while it is being read: the room that was set aside for it
    // While the queue is empty: the earliest that the first unsettled event can be, if it is known.
    std::optional<std::int64_t> recorded_at;
    bool complete() const { return loaded_through >= passed_through; }
  };
  // The trial of its front event.
  struct Failing {
    store::Seq seq = 0;  // the event that the rest describes
    int attempts = 0, rejections = 0;
    int probes = 0;  // of the attempts, those while the endpoint was known to be away: they tell nothing of the event
    Ticks first_attempt = 0;  // on the endpoint's active time; of no meaning while attempts is 0
    std::string reason;       // for operators alone
    RefusedEvent refused;
    // By what it dies once it is set aside; null: it is not to die. In memory alone: after a start it is refused anew.
    std::shared_ptr<const sinks::Outcome> sentence;
    int asides = 0;          // how often that place did not take it
    Ticks sentenced_at = 0;  // when, on the endpoint's active time
    bool started = false;    // an attempt may have left before the last start of ours, and must not be repeated
    bool begun() const { return attempts > 0 || started; }
    void Sentence(const sinks::Outcome& refusal, Ticks now) {
      sentenced_at = now;
      sentence = std::make_shared<const sinks::Outcome>(refusal);
      refused.LetGo();
    }
    bool Fits() const {
      const bool sentenced = attempts > 0 && refused.streak != 0 && refused.kept == 0;
      return refused.Fits() && (!sentence || sentenced);
    }
    void Begin(store::Seq event) {
      *this = {};
      seq = event;
    }
  };
  // Its stored row, as of the last settlement.
  struct Row {
    bool exists = false;
    bool dirty = false;  // must be looked at by the next settlement
    Ticks age = 0, refused = 0;
    std::optional<store::Seq> needs = {};  // parked: the first event that it needs of the log, as it is indexed
  };
  // Collapsing: its last turn.
  struct Turn {
    store::Seq due_through = 0;  // the last event that had come when its turn came
    int late_reads = 0;          // how often it then read events that came after its turn
    bool seen_enough = false;    // no room to look further for what supersedes its front event
  };

  LaneId id;
  std::string_view key;  // points into the table's node
  LaneKey::Kind kind = LaneKey::Kind::kRepository;
  LaneQueue queue;
  Flight flight;
  Behind behind;
  Failing failing;
  Row row;
  Turn turn;
  store::Seq done_through = 0;  // settled here, though the cursor may stand before it
  Ticks due = kNever;           // while it waits, and when it will once it has drained

  LaneState state() const { return state_; }
  bool in_flight() const {
    return state_ == LaneState::kInFlight || state_ == LaneState::kHalted || state_ == LaneState::kDraining;
  }
  // The only way from one state to another. The lane's other fields must fit the new one by then.
  void Become(LaneState state);

  std::optional<std::int64_t> oldest_recorded() const {
    return queue.empty() ? behind.recorded_at : queue.front().event->recorded_at;
  }
  bool was_started() const { return failing.started && failing.seq == queue.front().event->seq; }
  bool unused() const { return state_ == LaneState::kIdle && queue.empty() && !behind.parked; }
  LaneQueue::Entry PopFront();  // the front event is settled

 private:
  bool Fits() const;
  LaneState state_ = LaneState::kIdle;
};

}  // namespace portcall::broker
