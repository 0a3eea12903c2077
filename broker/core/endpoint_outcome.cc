#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "broker/core/collapse.h"
#include "broker/core/endpoint_core.h"
#include "broker/core/failure.h"

// The part of EndpointCore that judges how attempts ended, and takes events off their lanes.
namespace portcall::broker {

using sinks::Outcome;
using sinks::Verdict;

namespace {

bool MustNotRepeat(const Policy& policy, const Outcome& outcome) {
  return !policy.retry_on_timeout && outcome.maybe_received;
}

}  // namespace

// The lane's entry of an attempt that is under way; {}: we have ended it, or its lane is gone.
std::pair<Lane*, LaneQueue::Entry*> EndpointCore::FlyingOf(const Attempt& attempt) const {
  Lane* lane = lines_.Find(attempt.lane);
  LaneQueue::Entry* entry = lane == nullptr ? nullptr : lane->queue.Find(attempt.id, lane->flight.sent);
  if (entry == nullptr || entry->ended != LaneQueue::Ended::kNo) return {};
  return {lane, entry};
}

void EndpointCore::OnOutcome(const Attempt& attempt, const Outcome& outcome, Moment now) {
  const auto [lane, entry] = FlyingOf(attempt);
  if (lane == nullptr) return;
  flights_.End(entry->bytes, attempt.refusal != nullptr);
  --lane->flight.flying;
  const bool delivered = outcome.verdict == Verdict::kDelivered;
  if (delivered && !attempt.refusal) JudgeSuccess(attempt, outcome, now);
  if (attempt.refusal) {
    JudgeAside(*lane, attempt, outcome, now);
  } else if (entry != &lane->queue.front()) {
    Remember(*lane, *entry, outcome);
  } else if (delivered) {
    if (lane->failing.refused.kept != 0) pace_.AlarmWas(/*right=*/true);
    Settle(*lane, !policy_.retry_on_timeout, now);
  } else {
    JudgeFailure(*lane, attempt, outcome, now);
  }
  Advance(*lane, now);
}

void EndpointCore::OnLetGo(const Attempt& attempt, const Outcome& outcome, Moment now) {
  if (MustNotRepeat(policy_, outcome)) return OnOutcome(attempt, outcome, now);
  const auto [lane, entry] = FlyingOf(attempt);
  if (lane == nullptr) return;
  flights_.End(entry->bytes, attempt.refusal != nullptr);
  --lane->flight.flying;
  entry->ended = LaneQueue::Ended::kLetGo;
  pace_.LetGo(attempt.id, now.ticks);
  if (lane->state() != LaneState::kDraining) lane->due = now.ticks;
  lines_.Leave(*lane, LaneState::kDraining);
  Advance(*lane, now);
}

// What a delivery says of the endpoint. That counts at once, even if the event is settled later.
void EndpointCore::JudgeSuccess(const Attempt& attempt, const Outcome& outcome, Moment now) {
  ledger_.Delivered(*attempt.event, now.wall, attempt.number, outcome.status, outcome.latency.count() / 1'000);
  if (!outcome.receipt.empty()) ledger_.Received(outcome.receipt);
  if (const auto recovery = pace_.Delivered(attempt.id, now.ticks)) {
    notes_.push_back({.kind = Note::Kind::kRecovered, .text = {}, .lasted = recovery->lasted});
  }
  if (lines_.kept() > 0) lines_.Hasten(now.ticks, attempt.id);
}

// The lane's front event has failed: it dies, or its lane waits for another attempt.
void EndpointCore::JudgeFailure(Lane& lane, const Attempt& attempt, const Outcome& outcome, Moment now) {
  if (BlamesNobody(outcome) && !MustNotRepeat(policy_, outcome)) return JudgeNothing(lane, attempt, outcome, now);
  BeginTrial(lane);
  // One that is answered tells of its event, which may be all that keeps the endpoint closed.
  const bool probe = pace_.breaker().state() != BreakerState::kClosed && IsOverload(outcome);
  ++lane.failing.attempts;
  if (probe) ++lane.failing.probes;
  if (outcome.verdict == Verdict::kRejected) ++lane.failing.rejections;
  if (IsRefusal(outcome) && !lane.failing.refused.since) lane.failing.refused.since = pace_.AnsweringAt(now.ticks);
  const int counted = lane.failing.attempts - lane.failing.probes;
  const Trial trial{outcome.verdict,
                    TellsOutcome(outcome),
                    counted,
                    lane.failing.rejections,
                    pace_.ActiveAt(now.ticks) - lane.failing.first_attempt,
                    outcome.maybe_received};
  auto reason = ReasonToDie(policy_, trial);
  const bool refused_to_end = reason.has_value() && IsRefusal(outcome);
  Refusal refusal = refused_to_end ? pace_.Count(lane.failing.refused) : Refusal{};
  if (refused_to_end) MarkDirty(lane, now);
  refusal.alone = refused_to_end && HoldsUpOthers(lane) && !OthersCanTell();
  const bool asked = pace_.shut() ? pace_.breaker().IsProbe(attempt.id) : refusal.counted;
  const Pace::Judgement said = JudgeEndpoint(attempt, outcome, refusal, now);
  const bool probed = asked && HoldsUpOthers(lane);
  const bool numbered = policy_.max_retries && counted > *policy_.max_retries;
  // Whose repetitions are numbered ends by their number, at the pace of probes: a lane has no other event to find out
  // with whether the endpoint takes any.
  if (said.endpoint_at_fault && (said.opened || !((numbered && probed) || HeldUpForTooLong(lane, now)))) {
    reason.reset();
    if (refused_to_end) lane.failing.refused.Keep(flights_.next());
  }
  if (reason) {
    const bool undeliverable = outcome.verdict == Verdict::kUndeliverable;
    if (undeliverable && policy_.sets_aside) return SetAside(lane, attempt.number, outcome, now);
    const std::string& error = ErrorOf(outcome);
    return Die(lane, undeliverable ? DeathOf(error) : std::string(*reason), AnswerOf(outcome, error), now);
  }
  const bool gone = outcome.verdict == Verdict::kGone;
  const bool kept = lane.failing.refused.kept != 0 && !pace_.shut();
  lane.due = now.ticks + (gone   ? 0
                          : kept ? pace_.KeptDelay(lines_.kept())
                                 : pace_.EventDelay(probe ? lane.failing.attempts : counted, BlamesPart(outcome)));
  lane.failing.reason = ErrorOf(outcome);
  lines_.Leave(lane, LaneState::kDraining);
}

// Where the cursor stands for what is parked, all of that holds up whatever comes.
bool EndpointCore::HoldsUpOthers(const Lane& lane) const {
  if (held_by_parking() || held_by_change()) return true;
  if (lane.kind == LaneKey::Kind::kStrict && !progress_.at_head()) return true;
  return lane.queue.size() > 1 || (lane.behind.parked && !lane.behind.complete());
}

// Whether others than what was refused to its end may go, now or soon: where few wait behind that, what comes will.
bool EndpointCore::OthersCanTell() const {
  const std::size_t reads = lines_.to_read() + lines_.being_read(), silent = lines_.kept() + lines_.sentenced();
  const bool few = pending() < 2 * static_cast<std::int64_t>(silent + 1);
  return few || lines_.ready() > 0 || flights_.sending() > 0 || reads > 0 || lines_.waiting() > silent;
}

// Whether later events have waited behind one that is refused for so long that it dies although the endpoint may be at
// fault: no other lane is left to find that out with. Who refuses many is not waited for.
bool EndpointCore::HeldUpForTooLong(const Lane& lane, Moment now) const {
  if (!lane.failing.refused.since || !HoldsUpOthers(lane) || (pace_.shut() && !probes_.all_tried())) return false;
  const Ticks longest = pace_.shut() && pace_.refusals().many() ? 0 : kLongestRefusal;
  return pace_.AnsweringAt(now.ticks) - *lane.failing.refused.since >= longest;
}

// The lane's front event was no attempt, because another one's failure ended it or a limit keeps all out: it goes out
// again as it was.
void EndpointCore::JudgeNothing(Lane& lane, const Attempt& attempt, const Outcome& outcome, Moment now) {
  pace_.Failed(attempt.id, outcome, {}, flights_.next(), now.ticks);  // it may set a floor
  if (!pace_.Reachable(now.ticks)) starts_.Withdraw();
  lane.due = now.ticks + pace_.ShortDelay();
  lane.failing.reason = ErrorOf(outcome);
  lines_.Leave(lane, LaneState::kDraining);
}

// What the failure says of the endpoint.
Pace::Judgement EndpointCore::JudgeEndpoint(const Attempt& attempt, const Outcome& outcome, Refusal refusal,
                                            Moment now) {
  const Pace::Judgement said = pace_.Failed(attempt.id, outcome, refusal, flights_.next(), now.ticks);
  const std::string& error = ErrorOf(outcome);
  ledger_.Failed(FailureRow(attempt, outcome, error, now));
  ledger_.Touch(now.ticks);
  if (said.opened || said.paused || !pace_.Reachable(now.ticks)) starts_.Withdraw();
  if (said.recovered) notes_.push_back({.kind = Note::Kind::kRecovered, .text = {}, .lasted = said.recovered->lasted});
  if (said.began_failing) notes_.push_back({Note::Kind::kFailing, error});
  if (said.paused) notes_.push_back({Note::Kind::kPaused, pace_.pause()});
  if (said.opened) notes_.push_back({Note::Kind::kOpened, error});
  const bool ready_wait = policy_.collapses ? said.shut : said.opened && !policy_.pipelines;
  if (said.shut || said.opened) BeginProbing(ready_wait, now);
  return said;
}

// Keeps the outcome of an attempt that ended before those of the events in front of it.
void EndpointCore::Remember(Lane& lane, LaneQueue::Entry& entry, const Outcome& outcome) {
  if (outcome.verdict == Verdict::kDelivered) {
    entry.ended = LaneQueue::Ended::kDelivered;
    flights_.KeepDelivery();
    return;
  }
  flights_.KeepFailure(entry.attempt, outcome);
  if (outcome.verdict == Verdict::kUndeliverable) {  // the lane need not stop for it
    entry.ended = LaneQueue::Ended::kUndeliverable;
    return;
  }
  entry.ended = LaneQueue::Ended::kFailed;
  if (lane.state() != LaneState::kDraining) lines_.Leave(lane, LaneState::kHalted);
}

// Settles events at the lane's front that ended early. If the front one failed, the lane is parked once nothing of it
// is in flight; what was delivered behind the front may be sent again.
void EndpointCore::Advance(Lane& lane, Moment now) {
  while (lane.state() != LaneState::kDraining && lane.flight.sent > 0 &&
         lane.queue.front().ended != LaneQueue::Ended::kNo) {
    LaneQueue::Entry& front = lane.queue.front();
    if (front.ended == LaneQueue::Ended::kDelivered) {
      flights_.TakeDelivery();
      Settle(lane, false, now);
      continue;
    }
    front.ended = LaneQueue::Ended::kNo;
    const Attempt attempt{front.attempt, lane.id, front.event, 1};
    JudgeFailure(lane, attempt, flights_.TakeFailure(attempt.id), now);
  }
  if (lane.state() != LaneState::kDraining) return Continue(lane, now);
  if (lane.flight.flying == 0) Park(lane, lane.due, std::exchange(lane.failing.reason, {}), now);
}

// Nothing of the lane counts as sent any more.
void EndpointCore::Recall(Lane& lane) {
  for (std::size_t i = 0; i < lane.flight.sent; ++i) {
    LaneQueue::Entry& entry = lane.queue.at(i);
    if (entry.ended == LaneQueue::Ended::kDelivered) flights_.TakeDelivery();
    const bool failed = entry.ended == LaneQueue::Ended::kFailed || entry.ended == LaneQueue::Ended::kUndeliverable;
    if (failed) flights_.TakeFailure(entry.attempt);
    entry.ended = LaneQueue::Ended::kNo;
    entry.attempt = 0;
  }
  lane.flight = {};
}

// Withdraws attempts that never left: a `started` row would tell the next run that they may have been received.
void EndpointCore::GiveBackStarts(Moment now) {
  for (const Attempt& attempt : starts_.TakeBack()) {
    Lane& lane = lines_.At(attempt.lane);
    flights_.End(lane.queue.front().bytes);
    pace_.LetGo(attempt.id, now.ticks);
    Recall(lane);
    MarkDirty(lane, now);
    lines_.MakeReady(lane);
  }
}

void EndpointCore::Die(Lane& lane, std::string reason, const std::string& answer, Moment now) {
  store::DeadLetter dead;
  dead.cursor = cursor_;
  dead.endpoint = name_;
  dead.event = *lane.queue.front().event;
  dead.attempts = lane.failing.attempts;
  dead.died_at = now.wall;
  dead.reason = std::move(reason);
  dead.answer = answer;
  notes_.push_back({Note::Kind::kDead, dead.reason, lane.queue.front().event, lane.failing.attempts});
  ledger_.Died(std::move(dead));
  Settle(lane, true, now);
  const bool halts = lane.queue.AnyEnded(LaneQueue::Ended::kFailed, lane.flight.sent);
  if (lane.state() == LaneState::kHalted && !halts) {
    lane.Become(lane.flight.sent > 0 ? LaneState::kInFlight : LaneState::kIdle);
  }
}

// Settles the lane's first events that later ones supersede. True: its front event may go. False: later events of the
// lane must be read first.
bool EndpointCore::Collapse(Lane& lane, Moment now) {
  const bool seen_enough = std::exchange(lane.turn.seen_enough, false);
  Successor next = SuccessorOf(lane.queue);
  for (; next.at > 0; next = SuccessorOf(lane.queue)) {
    const store::EventPtr by = lane.queue.at(next.at).event;
    for (std::size_t left = next.at; left > 0 && lane.queue.front().event->tag == by->tag; --left) {
      Supersede(lane, *by, now);
    }
  }
  if (!next.may_come || !lane.behind.parked || lane.behind.complete()) return true;
  if (seen_enough) return true;
  if (lane.behind.loaded_through >= lane.turn.due_through) {
    if (lane.turn.late_reads == kMaxLateReads) return true;
    ++lane.turn.late_reads;
    lane.turn.due_through = lane.behind.passed_through;
  }
  lines_.WantRead(lane);
  return false;
}

void EndpointCore::Supersede(Lane& lane, const store::Event& by, Moment now) {
  notes_.push_back({Note::Kind::kSuperseded, by.id, lane.queue.front().event});
  ledger_.Superseded(*lane.queue.front().event, now.wall, by.id);
  Settle(lane, false, now);
}

// Takes the front event off its lane. `remember`: it must not be sent again, even if the cursor stands before it when
// the process ends.
void EndpointCore::Settle(Lane& lane, bool remember, Moment now) {
  const LaneQueue::Entry entry = lane.PopFront();
  const store::Seq seq = entry.event->seq;
  lane.behind.recorded_at = entry.event->recorded_at;
  const bool was_failing = lane.failing.attempts > 0;
  lane.failing.Begin(0);
  if (lane.behind.parked || remember) {
    lane.done_through = seq;
    lane.behind.next_seq = seq + 1;
    lane.behind.next_bytes = 0;
  }
  if (lane.behind.parked || remember || was_failing || lane.row.exists) MarkDirty(lane, now);
  progress_.Settle(seq, entry.bytes, entry.slot);
  ledger_.Settled(now.ticks);
}

// Lets the lane wait. Its events leave memory: the cursor passes them, and they are read again when it is due.
void EndpointCore::Park(Lane& lane, Ticks due, std::string reason, Moment now) {
  Recall(lane);
  lane.failing.reason = std::move(reason);
  lane.behind.next_seq = lane.queue.front().event->seq;
  if (lane.kind != LaneKey::Kind::kStrict) {  // else no event may overtake another, so none leaves the window
    PassLane(lane, lane.failing.reason, now);
    Release(lane, 0);
    lane.behind.loaded_through = lane.behind.next_seq - 1;
  }
  MarkDirty(lane, now);
  lines_.Wait(lane, due);
}

}  // namespace portcall::broker
