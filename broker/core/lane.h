#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/breaker.h"
#include "broker/core/lane_key.h"
#include "broker/core/slots.h"
#include "store/event.h"

namespace portcall::broker {

// The reason of a row whose lane the cursor had to pass.
inline constexpr std::string_view kInFlight = "in flight";
// The reason of a row that was written before its attempt left, where a repetition would do harm.
inline constexpr std::string_view kStarted = "started";

// One lane of one endpoint: events that go out one after another. A parked lane remembers that events behind the cursor
// are unsettled: they are read by index, from loaded_through on, when the lane's turn comes.
struct Lane {
  enum class State : std::uint8_t {
    kIdle,
    kReady,     // in the ready line; where lanes are pipelined, its first events may be in flight
    kStarting,  // waits until its `started` row is durable
    kInFlight,
    kWaiting,    // for its due time
    kWantsLoad,  // in the line of lanes to be read
    kLoading,
  };
  enum class Ended : std::uint8_t { kNo, kDelivered, kFailed };
  struct Entry {
    store::EventPtr event;
    SlotId slot = kNoSlot;  // none: behind the cursor, held for this lane alone
    AttemptId attempt = 0;  // of those in flight; grows along the queue
    Ticks claimed_at = 0;
    Ticks claimed_active = 0;  // the same on the endpoint's active time
    Ended ended = Ended::kNo;  // before the events in front of it did
  };

  std::string_view key;  // points into the table's node
  LaneKey::Kind kind = LaneKey::Kind::kRepository;
  State state = State::kIdle;
  bool parked = false;    // has unsettled events that the cursor passed
  bool dirty = false;     // its row must be looked at by the next settlement
  bool has_row = false;   // as of the last settlement
  bool halted = false;    // one in flight has failed: no more are claimed until all have ended
  bool draining = false;  // the failed one is at the front, and waits for the others to end

  std::size_t sent = 0;    // the first entries of the queue: in flight, or ended before their turn
  std::size_t flying = 0;  // those of them that have not ended

  store::Seq next_seq = 0;        // of the row
  store::Seq loaded_through = 0;  // parked: everything up to here was in the queue
  store::Seq passed_through = 0;  // parked: the last event of this lane that the cursor passed
  store::Seq done_through = 0;    // settled here, though the cursor may stand before it
  store::Seq due_through = 0;     // collapsing: the last event that had come when the lane's turn came
  int late_reads = 0;             // collapsing: how often it then read events that came after its turn

  store::Seq failing = 0;  // the event that the fields up to `reason` describe
  int attempts = 0, rejections = 0;
  Ticks first_attempt = 0;  // on the endpoint's active time
  std::string reason;
  Ticks stored_age = 0;  // what the row says

  std::int64_t recorded_at = 0;  // while the queue is empty: the earliest that the first unsettled event can be
  Ticks due = 0;

  bool empty() const { return head_ == queue_.size(); }
  std::size_t size() const { return queue_.size() - head_; }
  Entry& front() { return queue_[head_]; }
  const Entry& front() const { return queue_[head_]; }
  Entry& at(std::size_t i) { return queue_[head_ + i]; }
  const Entry& at(std::size_t i) const { return queue_[head_ + i]; }
  void Push(Entry entry) { queue_.push_back(std::move(entry)); }
  Entry Pop();
  void Truncate(std::size_t size) { queue_.resize(head_ + size); }
  Entry& Sent(AttemptId attempt);  // of those in flight, which it must be one of
  std::int64_t oldest_recorded() const { return empty() ? recorded_at : front().event->recorded_at; }
  bool complete() const { return loaded_through >= passed_through; }
  bool was_started() const { return reason == kStarted && failing == front().event->seq; }
  bool unused() const { return state == State::kIdle && empty() && !parked; }

 private:
  std::vector<Entry> queue_;
  std::size_t head_ = 0;
};

// An endpoint's lanes by name. Lanes never move. Finding an event's lane allocates nothing once the lane is known.
class Lanes {
 public:
  explicit Lanes(Laning laning) : laning_(laning) {}

  Lane& Of(const store::Event& event);
  Lane& Named(std::string_view key);
  void Drop(Lane& lane) { lanes_.erase(lanes_.find(lane.key)); }
  std::size_t size() const { return lanes_.size(); }
  auto begin() { return lanes_.begin(); }
  auto end() { return lanes_.end(); }
  auto begin() const { return lanes_.begin(); }
  auto end() const { return lanes_.end(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const LaneKey& key) const;
    std::size_t operator()(std::string_view key) const { return (*this)(LaneKey::Parse(key)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
    bool operator()(const LaneKey& a, std::string_view b) const { return a == LaneKey::Parse(b); }
    bool operator()(std::string_view a, const LaneKey& b) const { return b == LaneKey::Parse(a); }
  };
  Lane& Insert(std::string key);
  Laning laning_;
  bool mixed_ = false;  // lanes of tags and of whole repositories
  std::unordered_map<std::string, Lane, Hash, Equal> lanes_;
};

}  // namespace portcall::broker
