#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/breaker.h"
#include "broker/slots.h"
#include "config/config.h"
#include "store/event.h"

namespace portcall::broker {

// The lane of an event (DELIVERY.md §3), as it is stored: `source \n repository`, "*" for strict, "#seq" where every
// event is its own.
std::string LaneOf(const store::Event& event, config::Order order);

// The reason of a row that was written before its attempt left, where a repetition would do harm.
inline constexpr std::string_view kStarted = "started";

// One lane of one endpoint: events that go out one after another. A parked lane remembers that events behind the cursor
// are unsettled: they are read by index, from loaded_through on, when the lane's turn comes.
struct Lane {
  enum class State : std::uint8_t {
    kIdle,
    kReady,     // in the ready line
    kStarting,  // waits until its `started` row is durable
    kInFlight,
    kWaiting,    // for its due time
    kWantsLoad,  // in the line of lanes to be read
    kLoading,
  };
  enum class Kind : std::uint8_t { kRepository, kStrict, kSingle };
  struct Entry {
    store::EventPtr event;
    SlotId slot = kNoSlot;  // none: behind the cursor, held for this lane alone
  };

  std::string_view key;  // of the table's node
  Kind kind = Kind::kRepository;
  State state = State::kIdle;
  bool parked = false;   // has unsettled events that the cursor passed
  bool dirty = false;    // its row must be looked at by the next settlement
  bool has_row = false;  // as of the last settlement

  store::Seq next_seq = 0;        // of the row
  store::Seq loaded_through = 0;  // parked: everything up to here was in the queue
  store::Seq passed_through = 0;  // parked: the last event of this lane that the cursor passed
  store::Seq done_through = 0;    // settled here, though the cursor may stand before it

  store::Seq failing = 0;  // the event that the next four lines speak of
  int attempts = 0, rejections = 0;
  Ticks first_attempt = 0;  // on the endpoint's active time
  std::int64_t recorded_at = 0;
  std::string reason;

  Ticks due = 0;
  Ticks claimed_at = 0;
  AttemptId attempt = 0;

  bool empty() const { return head_ == queue_.size(); }
  std::size_t size() const { return queue_.size() - head_; }
  Entry& front() { return queue_[head_]; }
  const Entry& front() const { return queue_[head_]; }
  Entry& at(std::size_t i) { return queue_[head_ + i]; }
  void Push(Entry entry) { queue_.push_back(std::move(entry)); }
  Entry Pop();
  void Truncate(std::size_t size) { queue_.resize(head_ + size); }
  bool complete() const { return loaded_through >= passed_through; }

 private:
  std::vector<Entry> queue_;
  std::size_t head_ = 0;
};

// An endpoint's lanes by name. Lanes never move. Finding an event's lane allocates nothing once the lane is known.
class Lanes {
 public:
  explicit Lanes(config::Order order) : order_(order) {}

  Lane& Of(const store::Event& event);
  Lane& Named(std::string_view key);
  Lane* Find(std::string_view key);
  void Drop(Lane& lane) { lanes_.erase(lanes_.find(lane.key)); }
  std::size_t size() const { return lanes_.size(); }
  auto begin() { return lanes_.begin(); }
  auto end() { return lanes_.end(); }
  auto begin() const { return lanes_.begin(); }
  auto end() const { return lanes_.end(); }

 private:
  struct Name {
    std::string_view source, repository;
  };
  static Name Split(std::string_view key);
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Name& n) const;
    std::size_t operator()(std::string_view key) const { return (*this)(Split(key)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
    bool operator()(const Name& n, std::string_view key) const;
    bool operator()(std::string_view key, const Name& n) const { return (*this)(n, key); }
  };
  Lane& Insert(std::string key);
  config::Order order_;
  std::unordered_map<std::string, Lane, Hash, Equal> lanes_;
};

}  // namespace portcall::broker
