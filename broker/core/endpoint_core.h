#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/decisions.h"
#include "broker/core/filter.h"
#include "broker/core/flights.h"
#include "broker/core/ledger.h"
#include "broker/core/lines.h"
#include "broker/core/pace.h"
#include "broker/core/policy.h"
#include "broker/core/probes.h"
#include "broker/core/progress.h"
#include "broker/core/starts.h"
#include "sinks/outcome.h"
#include "store/cursors.h"

namespace portcall::broker {

// Decides what one endpoint does next (docs/delivery.md §2–§4). Pure: events, outcomes, time go in, decisions come out.
// What it holds of the log, in events and bytes, is bounded by its policy. One thread.
class EndpointCore {
 public:
  // What was stored: the cursor and its rows. `paused`: the reason, where the endpoint is paused. The cursor's pace
  // counts if it is that of the same entry: breaker, rejections in a row and Retry-After go on as they were.
  EndpointCore(const config::Endpoint& endpoint, const sinks::Capacity& capacity, const store::Cursor& cursor,
               std::vector<store::ParkedLane> parked, std::string paused, Moment now, std::uint64_t seed);
  EndpointCore(const EndpointCore&) = delete;
  // The log. WantsEvents: room for a useful number of events after scan(); MakeRoom goes before it, and sees to it that
  // a few lanes with much to send do not fill what is held of the log while others could be sent. Scan takes events in
  // order, as many as it can (the number is returned); `through`: nothing but these lies between scan() and there.
  void MakeRoom(Moment now);
  bool WantsEvents() const;
  store::Seq scan() const { return progress_.scan(); }
  std::size_t Scan(std::span<const store::EventPtr> events, store::Seq through, Moment now);
  void Grown(store::Seq head) { progress_.Grown(head); }               // how far there are events to scan
  void Counted(std::int64_t matched, store::Seq through, Moment now);  // of wanted events up to `through`
  void Recounted(std::int64_t pending, store::Seq through, Moment now);

  // Parked lanes whose turn has come are read by index; answered by OnLane or OnLaneFailed.
  std::optional<LaneRead> NextLaneRead(Moment now);
  void OnLane(const LaneRead& read, const store::Portion& page, Moment now);
  void OnLaneFailed(const LaneRead& read);
  // Attempts of a lane start in the order in which they were claimed.
  bool Claim(Moment now, Attempt& attempt);
  void OnOutcome(const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  // Since the last call an earlier step has got room: log, lane reads and claims must be asked again.
  bool TakeMoved() { return std::exchange(moved_, false); }
  // For an attempt that we ended: it does not count, unless a repetition would do harm; then its outcome counts.
  void OnLetGo(const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  AttemptId newest_attempt() const { return flights_.next() - 1; }
  // What to write now, if anything. Call Flushed once it is on disk; until then, this returns nothing more.
  std::optional<store::Settlement> TakeSettlement(Moment now, bool everything = false);
  void Flushed();
  // Brings the events' ages in all rows up to date. Call it before the last settlements of a stop or a Reload. A crash
  // loses the time since the last failed attempt, so those events live longer by that much.
  void RenewAges(Moment now);

  void SetPause(std::string reason, Moment now);  // by an operator; empty: whatever paused it is over
  void Stall(bool stalled, Moment now) { pace_.Stall(stalled, now.ticks); }  // the sink waits for its destination
  void Stop(bool stopped);  // true: claims and reads nothing more; false: goes on
  // No attempt, read or settlement is under way.
  bool quiet() const { return in_flight() == 0 && lines_.being_read() == 0 && !ledger_.flushing(); }
  bool flushed() const { return ledger_.due() == kNever; }  // what is decided is stored, or on its way
  // The stored cursor and rows were changed from outside, while it was stopped, quiet and flushed.
  void Reload(const store::Cursor& cursor, std::vector<store::ParkedLane> parked, Moment now);
  Ticks Wake(Moment now) const;  // when to ask again if nothing else happens
  std::vector<Note> TakeNotes() { return std::exchange(notes_, {}); }
  const Policy& policy() const { return policy_; }
  const Pace& pace() const { return pace_; }
  bool held_by_parking() const { return parked() >= policy_.max_parked; }
  // The cursor waits for what is parked in lanes that a changed order or collapse has made part of larger ones.
  bool held_by_change() const { return lines_.change() && scan() >= lines_.change()->through; }
  void LimitInFlight(std::size_t bytes) { flights_.Limit(bytes); }  // its part of what all endpoints share
  int in_flight() const { return flights_.under_way(); }
  int window() const { return pace_.window().size(); }
  std::size_t parked() const { return lines_.parked(); }
  std::int64_t settled() const { return progress_.settled(); }
  std::int64_t pending() const { return progress_.pending(); }
  std::int64_t pending_on_disk() const { return progress_.pending_on_disk(); }  // until they are stored as settled
  store::Seq counted() const { return progress_.counted(); }
  store::Seq settled_through() const { return progress_.settled_through(); }
  std::optional<std::int64_t> OldestRecorded() const;  // wall time of the oldest unsettled event that is known
  const Filter& filter() const { return filter_; }
  std::size_t held() const { return progress_.behind(); }
  std::size_t slots() const { return progress_.slots(); }
  std::size_t bytes() const { return progress_.bytes(); }
  // Events up to here are needed no more: neither by the cursor nor by a lane, both as they are stored.
  store::Seq UnneededThrough() const { return progress_.unneeded(); }

 private:
  void LoadRows(std::vector<store::ParkedLane> rows, store::Seq settled_through, Moment now);
  void LoadRow(store::ParkedLane row, store::Seq settled_through, Moment now);
  bool HasRoom(std::size_t more) const;
  bool HasRoomToScan() const;
  bool MayScan() const;
  bool MayScanForProbe() const;
  bool RoomToRead() const;
  bool MustReadAgain(std::size_t bytes) const;  // of a page
  void LetOneGo(Moment now);
  void EndChange();
  void TakeOver(Lane& lane, Moment now);
  void Admit(const store::EventPtr& event, Moment now);
  bool caught_up() const { return progress_.at_head() || !WantsEvents(); }

  // Whose turn it is.
  void Continue(Lane& lane, Moment now);
  bool MustWait(const Lane& lane, Moment now) const;
  void LetWait(Lane& lane, Moment now);
  void ForgetUnwanted(Lane& lane, Moment now);
  void LookAtUnseen(Moment now);
  void BeginProbing(bool ready_wait, Moment now);
  bool MayPromote(Moment now) const;
  void Promote(Moment now);
  void Offer(Lane& lane, Moment now);
  bool MayBegin(Moment now);
  bool MayGo(Lane& lane, Moment now);
  Attempt Begin(Lane& lane, Moment now);
  void BeginTrial(Lane& lane);
  void Claimed(LaneQueue::Entry& entry, Moment now) const;
  void ClaimStarted(const Attempt& attempt, Moment now);
  bool Collapse(Lane& lane, Moment now);
  void Supersede(Lane& lane, const store::Event& by, Moment now);
  void GiveBackStarts(Moment now);

  // How an attempt ended.
  std::pair<Lane*, LaneQueue::Entry*> FlyingOf(const Attempt& attempt) const;
  void JudgeSuccess(const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  void JudgeFailure(Lane& lane, const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  void JudgeNothing(Lane& lane, const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  Pace::Judgement JudgeEndpoint(const Attempt& attempt, const sinks::Outcome& outcome, Refusal refusal, Moment now);
  bool HoldsUpOthers(const Lane& lane) const;
  bool OthersCanTell() const;
  bool HeldUpForTooLong(const Lane& lane, Moment now) const;
  void Remember(Lane& lane, LaneQueue::Entry& entry, const sinks::Outcome& outcome);
  void Advance(Lane& lane, Moment now);
  void Recall(Lane& lane);
  void Die(Lane& lane, std::string reason, const std::string& answer, Moment now);
  void Settle(Lane& lane, bool remember, Moment now);
  void Park(Lane& lane, Ticks due, std::string reason, Moment now);
  // The place for what is given up.
  void SetAside(Lane& lane, int number, const sinks::Outcome& refusal, Moment now);
  void JudgeAside(Lane& lane, const Attempt& attempt, const sinks::Outcome& outcome, Moment now);
  bool WaitsForPlace(const Lane& lane, std::size_t bytes) const;
  bool TooOldForPlace(Ticks since, Moment now) const;
  void WaitForPlace(Lane& lane, Moment now);
  // What a flush writes.
  void PassObstacles(Moment now, bool all);
  void PassLane(Lane& lane, std::string_view reason, Moment now);
  bool MayStayLoaded(std::size_t events, std::size_t bytes) const;
  void Release(Lane& lane, std::size_t kept);  // all but its first entries
  void MarkDirty(Lane& lane, Moment now);
  void WriteRows(store::Settlement& settlement, Moment now);
  store::ParkedLane RowOf(const Lane& lane, Moment now) const;

  const std::string name_, entry_;
  const Policy policy_;
  const Filter filter_;
  const std::int64_t cursor_;
  Chance chance_;
  Pace pace_;
  Progress progress_;
  Lines lines_;
  Starts starts_;
  Flights flights_;
  std::set<std::pair<store::Seq, LaneId>> unseen_;  // tried before, not scanned yet, of lanes without any events
  Ledger ledger_;
  LaneId strict_;  // the lane of a strict order, where the order is another now and its event was tried
  std::vector<Note> notes_;
  bool stopped_ = false, moved_ = false;
  Probes probes_;              // of no meaning while it is not closed
  std::size_t last_read_ = 0;  // bytes that the last page of a lane held
};

}  // namespace portcall::broker
