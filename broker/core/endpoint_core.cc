#include "broker/core/endpoint_core.h"

#include <algorithm>

#include "broker/core/collapse.h"

// What is loaded and read, and whose turn it is.
namespace portcall::broker {
namespace {

// Dead letters hold copies of their events until they are on disk, which may hang.
constexpr std::size_t kMaxDeadBytes = 16UL << 20;
constexpr std::string_view kDebounce = "debounce";
constexpr std::string_view kTurn = "waits for its turn";

struct Part {
  std::size_t events = 0, bytes = 0;
};

// The first of a page's events, one at least, that an endpoint holds for a lane: a large one must not lie behind others
// that are in flight for long, and keep other lanes from being read.
Part FittingPart(const store::Portion& page, std::size_t room) {
  Part part;
  for (const store::EventPtr& event : page.events) {
    const std::size_t bytes = part.bytes + BytesOf(*event);
    if (part.events > 0 && bytes > 2 * room) break;  // the last one of an ordinary page goes beyond the room as well
    part = {part.events + 1, bytes};
  }
  return part;
}

}  // namespace

EndpointCore::EndpointCore(const config::Endpoint& endpoint, const sinks::Capacity& capacity,
                           const store::Cursor& cursor, std::vector<store::ParkedLane> parked, std::string paused,
                           Moment now, std::uint64_t seed)
    : name_(endpoint.name),
      entry_(endpoint.fingerprint),
      policy_(endpoint, capacity),
      filter_(endpoint, cursor.id),
      cursor_(cursor.id),
      chance_(seed),
      pace_(policy_, std::move(paused), chance_, now.ticks),
      progress_(cursor),
      lines_(policy_.laning) {
  if (const auto row = PaceRow::Parse(cursor.pace); row && row->entry != entry_) {
    pace_.GoOn(*row);
  } else if (row) {
    pace_.Restore(*row, now);
    if (row->open) notes_.push_back({Note::Kind::kOpened, row->error});
  }
  LoadRows(std::move(parked), cursor.settled_through, now);
}

void EndpointCore::Reload(const store::Cursor& cursor, std::vector<store::ParkedLane> parked, Moment now) {
  lines_.Clear();
  unseen_.clear();
  strict_ = {};
  probes_.Begin();
  progress_.Load(cursor);
  LoadRows(std::move(parked), cursor.settled_through, now);
}

void EndpointCore::LoadRows(std::vector<store::ParkedLane> rows, store::Seq settled_through, Moment now) {
  if (const auto change = ChangeOf(rows, policy_.laning, settled_through)) lines_.Begin(*change);
  for (store::ParkedLane& row : rows) LoadRow(std::move(row), settled_through, now);
  progress_.SetUnneeded(lines_.DecidedThrough(settled_through));
}

void EndpointCore::LoadRow(store::ParkedLane row, store::Seq settled_through, Moment now) {
  Lane& lane = lines_.Named(row.lane);
  const bool strict = lane.kind == LaneKey::Kind::kStrict;
  lane.row = {.exists = true, .dirty = lane.row.dirty, .age = row.age, .refused = row.refused};
  lane.behind = {.parked = lane.behind.parked,
                 .next_seq = row.next_seq,
                 .loaded_through = row.next_seq - 1,
                 .passed_through = settled_through,
                 .recorded_at = row.recorded_at};
  lane.failing.Begin(row.next_seq);
  lane.failing.attempts = row.attempts;
  lane.failing.probes = row.probes;
  lane.failing.first_attempt = pace_.ActiveAt(now.ticks) - row.age;
  lane.failing.reason = std::move(row.reason);
  lane.failing.started = row.started;
  if (row.refused > 0) lane.failing.refused.since = pace_.AnsweringAt(now.ticks) - row.refused;
  lane.failing.refused.streak = static_cast<std::uint64_t>(row.streak);
  if (row.streak != 0) lane.failing.refused.Keep(flights_.next());
  lane.done_through = strict ? 0 : row.next_seq - 1;
  // A clock that jumped must not hold a lane for longer than its delay can be.
  const Ticks due = now.ticks + std::clamp<Ticks>(row.due - now.wall, 0, policy_.longest_wait());
  if (strict && policy_.laning != Laning::kStrict) {  // the order was changed: the row is its event's new lane's
    if (!lane.failing.begun()) return MarkDirty(lane, now);
    lane.due = due;
    strict_ = lane.id;
    return ForgetUnwanted(lane, now);
  }
  if (!strict) lines_.SetParked(lane, true);
  lines_.Wait(lane, due);
}

std::size_t EndpointCore::Scan(std::span<const store::EventPtr> events, store::Seq through, Moment now) {
  const store::Seq before = scan();
  std::size_t taken = 0;
  for (const store::EventPtr& event : events) {
    if (event->seq > scan()) {
      if (filter_.Wants(*event)) {
        if (policy_.collapses && slots() >= policy_.look_ahead / 2) PassObstacles(now, false);
        if (lines_.change() && event->seq > lines_.change()->through) {
          progress_.ScanThrough(lines_.change()->through);
          EndChange();
        }
        if (slots() >= policy_.look_ahead || !HasRoomToScan() || !MayScan()) break;
        Admit(event, now);
      }
      progress_.ScanThrough(event->seq);
    }
    ++taken;
  }
  if (taken == events.size()) progress_.ScanThrough(through);
  if (scan() != before) ledger_.TouchQuietly(now.ticks);
  EndChange();
  LookAtUnseen(now);
  return taken;
}

void EndpointCore::Admit(const store::EventPtr& event, Moment now) {
  Lane& lane = lines_.Of(*event);
  if (event->seq <= lane.done_through) {  // settled before the restart, in the row of its lane
    progress_.SettledBefore(event->seq, lane.id);
    ledger_.Touch(now.ticks);
    return;
  }
  const bool loaded = lane.behind.complete() && lane.state() != LaneState::kWaiting;
  if (lane.behind.parked && !loaded) {
    lane.behind.passed_through = event->seq;
    progress_.LeaveToLane(event->seq, lane.id);
    return;
  }
  const std::size_t bytes = BytesOf(*event);
  lane.queue.Push({event, bytes, progress_.Hold(event->seq, bytes, lane.id)});
  if (const Lane* strict = lines_.Find(strict_); strict != nullptr && strict->failing.seq == event->seq) {
    return TakeOver(lane, now);
  }
  const bool may_pass = pace_.shut() && !policy_.collapses && lane.kind != LaneKey::Kind::kStrict;
  if (may_pass && lane.state() == LaneState::kIdle && probes_.PassesOver()) return LetWait(lane, now);
  if (lane.state() == LaneState::kIdle || lane.in_flight()) Offer(lane, now);
  if (policy_.collapses && lane.queue.size() > kGathered) PassLane(lane, kReasonInFlight, now);
}

// The event was tried while the order was strict. It is the first one after the cursor, so its new lane's first as
// well.
void EndpointCore::TakeOver(Lane& lane, Moment now) {
  Lane& strict = lines_.At(std::exchange(strict_, {}));
  lane.failing = strict.failing;
  strict.failing.Begin(0);
  MarkDirty(strict, now);
  MarkDirty(lane, now);
  if (lane.kind == LaneKey::Kind::kStrict || lane.was_started() || strict.due <= now.ticks) return Continue(lane, now);
  Park(lane, strict.due, lane.failing.reason, now);
}

void EndpointCore::EndChange() {
  if (held_by_change()) lines_.EndChangeIfEmpty();
}

// The lane's next step after an event came or was settled, or after its turn came or it was read.
void EndpointCore::Continue(Lane& lane, Moment now) {
  if (lane.behind.parked && lane.behind.complete() && (lane.queue.empty() || lane.queue.front().slot != kNoSlot)) {
    lines_.SetParked(lane, false);
    MarkDirty(lane, now);
  }
  if (lane.flight.sent > 0) {
    if (lane.state() == LaneState::kHalted || lane.state() == LaneState::kDraining) return;
    // Behind an event that has failed nothing goes before it, or all of that would go again with each of its attempts.
    const bool more = policy_.pipelines && lane.flight.sent < lane.queue.size() && lane.failing.attempts == 0;
    return more ? lines_.MakeReady(lane) : lines_.Leave(lane, LaneState::kInFlight);
  }
  if (!lane.queue.empty()) return MustWait(lane, now) ? LetWait(lane, now) : lines_.MakeReady(lane);
  if (lane.behind.parked && WaitsForPlace(lane, lane.behind.next_bytes)) return WaitForPlace(lane, now);
  if (lane.behind.parked) return lines_.WantRead(lane);
  if (lane.failing.begun()) ForgetUnwanted(lane, now);
  lane.Become(LaneState::kIdle);
  lines_.DropIfForgettable(lane, settled_through());
}

// An event that was tried before, was passed and is not here is no longer wanted: its row goes. What is not scanned yet
// is looked at again when it is.
void EndpointCore::ForgetUnwanted(Lane& lane, Moment now) {
  if (lane.failing.seq > scan()) {
    unseen_.emplace(lane.failing.seq, lane.id);
    return;
  }
  lane.failing.Begin(0);
  MarkDirty(lane, now);
}

void EndpointCore::LookAtUnseen(Moment now) {
  while (!unseen_.empty() && unseen_.begin()->first <= scan()) {
    const auto [seq, id] = *unseen_.begin();
    unseen_.erase(unseen_.begin());
    Lane* lane = lines_.Find(id);
    const bool absent = lane != nullptr && lane->state() == LaneState::kIdle && lane->queue.empty();
    if (absent && lane->failing.begun() && lane->failing.seq == seq) ForgetUnwanted(*lane, now);
  }
}

// Lanes that cannot go soon are parked, so that the rest of the log is read and later pushes are found. While the
// endpoint is closed, the ready line holds nothing but one probe.
bool EndpointCore::MustWait(const Lane& lane, Moment now) const {
  if (!policy_.collapses || lane.was_started()) return false;
  if (Debounces(policy_, lane)) return true;
  if (!pace_.shut()) return lines_.ready() >= pace_.window().ahead();
  return pace_.paused() || !pace_.breaker().MayStart(now.ticks) || lines_.ready() > 0;
}

void EndpointCore::LetWait(Lane& lane, Moment now) {
  if (Debounces(policy_, lane)) return Park(lane, now.ticks + policy_.debounce, std::string(kDebounce), now);
  const bool failed = lane.failing.seq == lane.queue.front().event->seq && !lane.failing.reason.empty();
  Park(lane, now.ticks, failed ? lane.failing.reason : std::string(kTurn), now);
}

// The endpoint has just been closed, or its breaker opened. What was ready waits in line with what failed, or its
// probes would take hours to find the one that the endpoint takes. Nor does what was to be read go before that.
void EndpointCore::BeginProbing(bool ready_wait, Moment now) {
  probes_.Begin();
  lines_.Hasten(now.ticks, flights_.next());
  for (const LaneId id : ready_wait ? lines_.TakeAllReady() : std::vector<LaneId>()) {
    Lane& lane = lines_.At(id);
    const bool full = !policy_.collapses && held_by_parking();
    if (lane.was_started() || lane.kind == LaneKey::Kind::kStrict || full) {
      lines_.MakeReady(lane);
    } else {
      LetWait(lane, now);
    }
  }
  for (const LaneId id : lines_.TakeAllToRead()) {
    Lane& lane = lines_.At(id);
    if (lane.queue.empty()) {
      lines_.Wait(lane, now.ticks);
    } else {
      LetWait(lane, now);
    }
  }
}

std::optional<LaneRead> EndpointCore::NextLaneRead(Moment now) {
  Promote(now);
  if (lines_.to_read() == 0 || stopped_ || pace_.paused()) return std::nullopt;
  if (!RoomToRead()) {
    LetOneGo(now);
    return std::nullopt;
  }
  // A page ends with the event that fills it, however large that is. Where it is not known how large the first one is,
  // the last page that was read tells what to expect.
  const std::size_t known = lines_.first_to_read().behind.next_bytes;
  const Lane& lane = lines_.TakeToRead(std::max(policy_.lane_bytes(), known > 0 ? known : last_read_));
  return LaneRead{lane.id,
                  std::string(lane.key),
                  lane.behind.loaded_through,
                  lane.behind.passed_through,
                  {policy_.lane_page, policy_.lane_bytes()}};
}

void EndpointCore::OnLane(const LaneRead& read, const store::Portion& page, Moment now) {
  const Part part = FittingPart(page, policy_.lane_bytes());
  const store::Seq through = part.events < page.events.size() ? page.events[part.events]->seq - 1 : page.through;
  Lane& lane = lines_.At(read.lane);
  if (MustReadAgain(part.bytes)) return lines_.ReadFailed(lane);
  lines_.ReadEnded(lane);
  last_read_ = 0;
  for (const store::EventPtr& event : std::span(page.events).first(part.events)) {
    if (event->seq <= lane.behind.loaded_through || !filter_.Wants(*event)) continue;
    lane.queue.Push({event, BytesOf(*event), kNoSlot});
    progress_.HoldBehind(lane.queue.back().bytes);
    last_read_ += lane.queue.back().bytes;
  }
  lane.behind.loaded_through = through;
  // What a start only knew to lie before the cursor is found now: later reads go no further.
  if (lane.behind.complete() && !lane.queue.empty()) lane.behind.passed_through = lane.queue.back().event->seq;
  if (lane.queue.empty()) {
    lane.behind.next_seq = through + 1;
    MarkDirty(lane, now);  // retention goes by the row
  } else if (lane.failing.begun() && lane.failing.seq < lane.queue.front().event->seq) {
    lane.failing.Begin(0);  // what was tried is not wanted any more, and must not come back without its attempts
    lane.behind.next_seq = lane.queue.front().event->seq;
    MarkDirty(lane, now);
  }
  // It was read before the endpoint was closed: others may have their turn before it.
  const bool late = pace_.shut() && !policy_.collapses && read.lane != probes_.promoted();
  if (late && !lane.queue.empty() && !lane.was_started()) return LetWait(lane, now);
  Offer(lane, now);
}

void EndpointCore::OnLaneFailed(const LaneRead& read) { lines_.ReadFailed(lines_.At(read.lane)); }

bool EndpointCore::MayBegin(Moment now) {
  // What goes to the place for what is given up takes no place of the others: that place may not answer.
  if (lines_.ready() == 0 || flights_.sending() >= window()) return false;
  if (!pace_.MayStart(now.ticks)) return false;
  if (ledger_.exposed() + in_flight() + flights_.early() >= kMaxExposed + policy_.window) return false;
  if (ledger_.dead_bytes() >= kMaxDeadBytes) return false;
  return (!policy_.collapses || caught_up()) && pace_.RateAllows(now.ticks);
}

bool EndpointCore::Claim(Moment now, Attempt& attempt) {
  if (flights_.TakeAside(attempt)) return true;  // part of an attempt that is under way
  if (starts_.any_withdrawn()) GiveBackStarts(now);
  if (stopped_ || pace_.paused()) return false;
  if (starts_.Next(attempt)) {
    ClaimStarted(attempt, now);
    return true;
  }
  while (MayBegin(now)) {
    Lane& lane = lines_.TakeReady();
    probes_.Taken();
    moved_ = true;
    if (!MayGo(lane, now)) continue;
    attempt = Begin(lane, now);
    if (policy_.retry_on_timeout || attempt.refusal) {
      Continue(lane, now);
      return true;
    }
    lane.Become(LaneState::kStarting);
    starts_.Announce(std::move(attempt));
    MarkDirty(lane, now);
    ledger_.Hurry();
  }
  return false;
}

// Whether the lane whose turn it is sends an event now. If not, it stands where it belongs.
bool EndpointCore::MayGo(Lane& lane, Moment now) {
  if (lane.flight.sent > 0 && pace_.shut()) return false;  // a probe is never sent behind another attempt
  if (lane.was_started()) {
    Die(lane, "outcome unknown", {}, now);
    Continue(lane, now);
    return false;
  }
  if (lane.flight.sent == 0 && WaitsForPlace(lane, lane.queue.front().bytes)) {
    WaitForPlace(lane, now);
    return false;
  }
  return !policy_.collapses || Collapse(lane, now);
}

Ticks EndpointCore::Wake(Moment now) const {
  Ticks at = ledger_.due();
  if (stopped_ || pace_.paused()) return at;
  if (lines_.next_due() > now.ticks) at = std::min(at, lines_.next_due());
  return std::min(at, pace_.Wake(now.ticks, lines_.ready() > 0));
}

std::optional<std::int64_t> EndpointCore::OldestRecorded() const {
  std::optional<std::int64_t> oldest;
  const auto consider = [&](std::optional<std::int64_t> at) {
    if (at && (!oldest || *at < *oldest)) oldest = at;
  };
  if (slots() > 0) {
    const Lane& first = lines_.At(progress_.first().lane);
    if (!first.queue.empty()) consider(first.queue.front().event->recorded_at);
  }
  consider(lines_.OldestParked());
  return oldest;
}

}  // namespace portcall::broker
