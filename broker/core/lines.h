#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "broker/core/lane_table.h"

namespace portcall::broker {

// An endpoint's lanes and the lines they stand in: ready to go, waiting for a time, to be read. A lane stands in the
// line that its state names and in no other; which of them are parked, or have a row to be looked at, is counted here
// too. One thread.
class Lines {
 public:
  explicit Lines(Laning laning) : table_(laning) {}

  Lane& Of(const store::Event& event) { return table_.Of(event); }
  Lane& Named(std::string_view key) { return table_.Named(key); }
  Lane* Find(LaneId id) const { return table_.Find(id); }  // nullptr: it is gone
  Lane& At(LaneId id) const;                               // of one that must be there
  const LaneTable& all() const { return table_; }
  LaneTable& all() { return table_; }
  // Where lanes have grown: events beyond change()->through are not read before the old lanes are empty, in memory and
  // on disk. Then EndChangeIfEmpty ends it.
  void Begin(const LaneChange& change) { table_.Begin(change); }
  const std::optional<LaneChange>& change() const { return table_.change(); }
  void EndChangeIfEmpty() {
    if (change() && !table_.old_lanes_left()) table_.EndChange();
  }
  // Forgets the lane where nothing depends on it: its events are settled through `settled_through`.
  void DropIfForgettable(Lane& lane, store::Seq settled_through);
  void Clear();

  // The ready line. The lane that is taken is idle, or in flight where its first events are.
  std::size_t ready() const { return ready_.size(); }
  void MakeReady(Lane& lane);  // does nothing where it is so already
  void LastGoesFirst();
  Lane& TakeReady();
  bool AnyReadyUntried() const;                                   // its event was never attempted; O(ready)
  std::vector<LaneId> TakeAllReady() { return TakeAll(ready_); }  // none of which has anything in flight
  void Leave(Lane& lane, LaneState to);  // out of the ready line if it stands there, for a state of flight

  // Those that wait. The lane that is taken is idle.
  void Wait(Lane& lane, Ticks due);
  Ticks next_due() const { return waiting_.empty() ? kNever : waiting_.begin()->first; }
  Lane& TakeDue();                // the first
  Lane& TakeDueProbe(Ticks now);  // the first that is due; of a sentenced event only where there is no other
  // The first that is due of those whose event was attempted, and not sentenced; nullptr: there is none.
  Lane* TakeTried(Ticks now);
  std::size_t waiting() const { return waiting_.size(); }
  // Of those that are due and whose event was never attempted the one whose event is the newest; nullptr: there is
  // none.
  Lane* TakeNewestUntried(Ticks now);
  // Those of them whose event was refused to its end, but kept. Of these, whichever was so before `attempt` began waits
  // no longer than until `due`.
  std::size_t kept() const { return kept_.size(); }
  void Hasten(Ticks due, AttemptId attempt);
  std::size_t sentenced() const { return sentenced_.size(); }  // those whose event is
  bool strict_waits() const { return strict_waits_; }          // the one lane of a strict order does

  // Those to be read. Each that is taken comes back by ReadEnded (idle then) or ReadFailed (in line again).
  std::size_t to_read() const { return to_read_.size(); }
  std::size_t being_read() const { return being_read_; }
  std::size_t reserved() const { return reserved_; }  // bytes that were set aside for those being read
  void WantRead(Lane& lane);
  Lane& TakeToRead(std::size_t reserved);
  const Lane& first_to_read() const { return At(to_read_.front()); }
  std::vector<LaneId> TakeAllToRead() { return TakeAll(to_read_); }
  Lane* TakeLoadedToRead();  // one that holds events already, idle then; nullptr: there is none
  void ReadEnded(Lane& lane);
  void ReadFailed(Lane& lane);

  // Those with unsettled events behind the cursor.
  std::size_t parked() const { return needs_.size(); }
  void SetParked(Lane& lane, bool parked);
  store::Seq DecidedThrough(store::Seq through);     // up to there no parked lane needs an event
  std::optional<std::int64_t> OldestParked() const;  // when its first event was recorded, if that is known

  // Those whose row must be looked at. False: the lane was marked already.
  bool MarkDirty(Lane& lane);
  std::vector<LaneId> TakeDirty() { return std::exchange(dirty_, {}); }  // they stay marked until Clean
  static void Clean(Lane& lane) { lane.row.dirty = false; }

 private:
  void Move(Lane& lane, LaneState to);
  void Join(Lane& lane);
  void Part(Lane& lane);
  std::vector<LaneId> TakeAll(const std::deque<LaneId>& line);
  void Index(Lane& lane);

  LaneTable table_;
  std::deque<LaneId> ready_, to_read_;
  std::set<std::pair<store::Seq, LaneId>> needs_;  // of each parked lane its first event, as of when it was last looked
  std::set<std::pair<Ticks, LaneId>> waiting_;
  std::set<std::pair<store::Seq, LaneId>> untried_;  // of these; by their first event
  std::set<LaneId> kept_, sentenced_;                // of these as well
  std::vector<LaneId> dirty_;
  std::size_t being_read_ = 0, reserved_ = 0;
  bool strict_waits_ = false;
};

}  // namespace portcall::broker
