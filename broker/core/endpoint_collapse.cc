#include <algorithm>
#include <utility>

#include "broker/core/endpoint_core.h"

// The part of EndpointCore that lets later pushes of a tag supersede one that waits (DELIVERY.md §4, `debounce`).
namespace portcall::broker {
namespace {

constexpr int kMaxLateReads = 8;  // so that a tag which is pushed all the time has its turn
constexpr std::string_view kDebounce = "debounce";
constexpr std::string_view kTurn = "waits for its turn";

bool PushesTag(const store::Event& event) { return event.action == store::Action::kPush && !event.tag.empty(); }

struct Successor {
  std::size_t at = 0;     // in the lane's queue, 0: none
  bool may_come = false;  // events that are not in the queue yet may hold another
};

// The last push that supersedes the front event: of the same tag, and only pushes of that tag lie between.
Successor SuccessorOf(const Lane& lane) {
  const store::Event& front = *lane.front().event;
  if (!PushesTag(front)) return {};
  Successor found{0, true};
  for (std::size_t i = 1; i < lane.size() && found.may_come; ++i) {
    const store::Event& event = *lane.at(i).event;
    if (event.tag != front.tag) continue;
    if (PushesTag(event)) {
      found.at = i;
    } else {
      found.may_come = false;
    }
  }
  return found;
}

// A push that came after its lane's last turn waits, because another may supersede it soon.
bool Debounces(const Policy& policy, const Lane& lane) {
  const store::Event& front = *lane.front().event;
  return policy.debounce > 0 && front.seq > lane.due_through && PushesTag(front);
}

}  // namespace

// Lanes that cannot go soon are parked, so that the rest of the log is read and later pushes are found. While the
// endpoint is closed, the ready line holds nothing but one probe.
bool EndpointCore::MustWait(const Lane& lane, Moment now) const {
  if (!policy_.collapses || lane.was_started()) return false;
  if (Debounces(policy_, lane)) return true;
  if (!pace_.closed()) return ready_.size() >= pace_.window().ahead();
  return pace_.paused() || !pace_.breaker().MayStart(now.ticks) || !ready_.empty();
}

void EndpointCore::LetWait(Lane& lane, Moment now) {
  if (Debounces(policy_, lane)) return Park(lane, now.ticks + policy_.debounce, std::string(kDebounce), now);
  const bool failed = lane.failing == lane.front().event->seq && !lane.reason.empty();
  Park(lane, now.ticks, failed ? lane.reason : std::string(kTurn), now);
}

// The endpoint has just been closed.
void EndpointCore::LetReadyWait(Moment now) {
  for (Lane* lane : std::exchange(ready_, {})) {
    if (lane->was_started()) {
      ready_.push_back(lane);
    } else {
      LetWait(*lane, now);
    }
  }
}

// Settles the lane's first events that later ones supersede. True: its front event may go. False: later events of the
// lane must be read first.
bool EndpointCore::Collapse(Lane& lane, Moment now) {
  Successor next = SuccessorOf(lane);
  for (; next.at > 0; next = SuccessorOf(lane)) {
    const store::EventPtr by = lane.at(next.at).event;
    for (std::size_t left = next.at; left > 0 && lane.front().event->tag == by->tag; --left) Supersede(lane, *by, now);
  }
  if (!next.may_come || !lane.parked || lane.complete()) return true;
  if (lane.loaded_through >= lane.due_through) {
    if (lane.late_reads == kMaxLateReads) return true;
    ++lane.late_reads;
    lane.due_through = lane.passed_through;
  }
  lane.state = Lane::State::kWantsLoad;
  load_queue_.push_back(&lane);
  return false;
}

void EndpointCore::Supersede(Lane& lane, const store::Event& by, Moment now) {
  notes_.push_back({Note::Kind::kSuperseded, by.id, lane.front().event});
  store::AttemptRow row;
  row.seq = lane.front().event->seq;
  row.at = now.wall;
  row.attempt = 0;
  row.error = "superseded by " + by.id;
  ledger_.Failed(std::move(row));
  Settle(lane, false, now);
}

}  // namespace portcall::broker
