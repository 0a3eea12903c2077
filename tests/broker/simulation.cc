#include "tests/broker/simulation.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "broker/core/expiry.h"

namespace portcall::broker {

Simulation::Simulation(config::Endpoint endpoint, std::uint64_t seed, std::optional<sinks::Capacity> capacity)
    : endpoint_(std::move(endpoint)), capacity_(capacity), chance_(seed), lanes_(LaningOf(endpoint_)) {
  receiver = [](const store::Event&, Moment) {
    sinks::Outcome outcome;
    outcome.verdict = sinks::Verdict::kDelivered;
    outcome.status = 200;
    return outcome;
  };
  cursor.id = 1;
  cursor.fingerprint = Filter(endpoint_).fingerprint();
  Start();
}

void Simulation::Start() {
  const sinks::Capacity capacity =
      capacity_.value_or(sinks::Capacity{.window = static_cast<std::size_t>(endpoint_.concurrency)});
  core_ = std::make_unique<EndpointCore>(endpoint_, capacity, cursor, StoredRows(), paused, now(), chance_.Next());
  ArrangeLanes(false);
  happenings_ = {};
  in_flight_.clear();
  pipes_.clear();
  sent_in_.clear();
  CountRepeatable();
  ++life_;
  const auto head = static_cast<store::Seq>(log.size());
  if (cursor.fingerprint != core_->filter().fingerprint()) {
    Recount();
  } else {
    const auto wanted = [&](const store::EventPtr& e) { return e->seq > cursor.through && core_->filter().Wants(*e); };
    core_->Counted(std::ranges::count_if(log, wanted), std::max(head, cursor.settled_through), now());
  }
  core_->Grown(head);
}

// As the shell does it: what the stored rows and the log after the cursor still hold for the changed filter.
void Simulation::Recount() {
  std::int64_t pending = 0;
  for (const store::EventPtr& event : log) {
    if (!core_->filter().Wants(*event)) continue;
    if (event->seq > cursor.settled_through || WaitsInRow(*event)) ++pending;
  }
  core_->Recounted(pending, static_cast<store::Seq>(log.size()), now());
}

void Simulation::Append(const std::string& repository, store::Action action, const std::string& tag) {
  auto event = std::make_shared<store::Event>();
  event->seq = static_cast<store::Seq>(log.size()) + 1;
  event->id = "id-" + std::to_string(event->seq);
  event->recorded_at = now().wall;
  event->action = action;
  event->repository = repository;
  event->tag = tag;
  event->details = details;
  log.push_back(event);
  if (core_->filter().Wants(*event)) lanes_.Add(*event);
  core_->Counted(core_->filter().Wants(*event) ? 1 : 0, event->seq, now());
  core_->Grown(event->seq);
}

void Simulation::At(Ticks delay, std::function<void()> run) {
  happenings_.push({now_ + delay, ++order_, std::move(run)});
}

void Simulation::Feed() {
  core_->MakeRoom(now());
  while (core_->WantsEvents() && core_->scan() < static_cast<store::Seq>(log.size())) {
    const auto first = static_cast<std::size_t>(core_->scan());
    if (core_->scan() < deleted_through_) Violate("the log is read where it was deleted");
    const std::size_t count = std::min<std::size_t>(log.size() - first, 1 + chance_.Next() % 1'024);
    core_->Scan(std::span(log).subspan(first, count), static_cast<store::Seq>(first + count), now());
  }
}

// In the runner's order, and no oftener than it does: what nobody asks for again stands still here as well.
void Simulation::Drive() {
  Attempt attempt;
  do {
    Feed();
    for (; auto read = core_->NextLaneRead(now()); ++lane_reads) ReadLane(*read);
    while (core_->Claim(now(), attempt)) Send(attempt);
  } while (core_->TakeMoved());
  if (auto settlement = core_->TakeSettlement(now(), expiring_ && core_->in_flight() == 0)) {
    Flush(std::move(*settlement));
  }
  TakeNotes();
  const Policy& policy = core_->policy();
  if (core_->slots() > policy.look_ahead) Violate("look-ahead beyond its bound");
  if (core_->slots() == 0 && core_->held() == 0 && core_->bytes() != 0) Violate("bytes of nothing");
  const std::size_t sent_or_ended = static_cast<std::size_t>(policy.window) + kMaxExposed;  // they stay in memory
  if (core_->held() > policy.max_held + core_->parked() + sent_or_ended) Violate("held events beyond their bound");
  in_flight_peak = std::max(in_flight_peak, core_->in_flight());
  CheckUnneeded();
}

void Simulation::Flush(store::Settlement settlement) {
  const auto delay = static_cast<Ticks>(chance_.Unit() * 2 * static_cast<double>(flush_latency));
  if (failing_flushes > 0 && chance_.Unit() < failing_flushes) {
    At(delay + kSecond, [this, s = std::move(settlement)] { Flush(s); });
    return;
  }
  At(delay, [this, s = std::move(settlement)] {
    Commit(s);
    core_->Flushed();
  });
}

void Simulation::TakeNotes() {
  for (Note& note : core_->TakeNotes()) {
    if (note.kind == Note::Kind::kDead) {
      died_.insert(note.event->seq);
      undecided_.erase(note.event->seq);
    }
    if (note.kind == Note::Kind::kDead && note.text == "maxage") CheckAge(note);
    if (note.kind == Note::Kind::kSuperseded) CheckSuperseded(note);
    notes.push_back(std::move(note));
  }
}

void Simulation::Send(Attempt attempt) {
  if (attempt.refusal) return SetAside(attempt);
  const store::Event& event = *attempt.event;
  sent_at.emplace_back(now_, event.seq);
  tried_at_.emplace(event.seq, active_);
  sent_in_[event.seq] = attempt.lane.number;
  TakeNotes();  // deaths that were decided in this turn count before what follows them
  if (sends[event.seq]++ == 0 && !capacity_) CheckOrder(event);
  if (endpoint_.collapse) CheckNewest(event);
  CheckSentenced(event.seq);
  if (accepted.contains(event.seq)) {
    if (!behind_.contains(event.seq) && !repeatable_.contains(event.seq)) {
      Violate("sent again without a crash: " + std::to_string(event.seq));
    }
  }
  if (!capacity_ && !endpoint_.retry_on_timeout && (accepted.contains(event.seq) || unanswered.contains(event.seq))) {
    Violate("not idempotent, yet sent again: " + std::to_string(event.seq));
  }
  in_flight_[attempt.id] = attempt;
  const auto own = slow.find(attempt.event->seq);
  const Ticks usual = own == slow.end() ? latency : own->second;
  auto delay = static_cast<Ticks>((0.5 + chance_.Unit()) * static_cast<double>(usual));
  if (hangs_from && event.details.size() >= *hangs_from) delay = TicksOf(endpoint_.timeout);
  if (!capacity_ && silent_attempts > 0 && chance_.Unit() < silent_attempts) {
    At(TicksOf(endpoint_.timeout), [this, attempt = std::move(attempt), times = let_go_] {
      sinks::Outcome silent;
      silent.error = "no answer in time";
      if (times == let_go_) Answer(attempt, silent);
    });
    return;
  }
  if (!capacity_) {
    At(delay, [this, attempt = std::move(attempt), times = let_go_] {
      if (times == let_go_) Answer(attempt, receiver(*attempt.event, now()));
    });
    return;
  }
  Pipe& pipe = pipes_[attempt.lane.number];
  ++pipe.flying;
  pipe.last = std::max(pipe.last, now_ + delay);
  At(pipe.last - now_, [this, attempt = std::move(attempt), times = let_go_] {
    if (times == let_go_) Arrive(attempt);
  });
}

// Inside a sink that pipelines: in the lane's order; what follows a failure fails too. Its report takes its own time.
void Simulation::Arrive(const Attempt& attempt) {
  Pipe& pipe = pipes_[attempt.lane.number];
  sinks::Outcome outcome;
  outcome.error = "behind a failed one";
  if (!pipe.broken) outcome = receiver(*attempt.event, now());
  const store::Seq seq = attempt.event->seq;
  if (outcome.verdict == sinks::Verdict::kDelivered) {
    if (!accepted.contains(seq)) CheckOrder(*attempt.event);
    Accept(seq);
    const auto waits = [&](store::Seq other) { return other < seq && sent_in_[other] == attempt.lane.number; };
    if (std::ranges::any_of(undecided_, waits)) behind_.insert(seq);
  } else if (outcome.verdict == sinks::Verdict::kUndeliverable) {
    hopeless_.insert(seq);
    if (!died_.contains(seq)) undecided_.insert(seq);
  } else {
    pipe.broken = true;
  }
  const auto delay = static_cast<Ticks>(chance_.Unit() * static_cast<double>(latency));
  At(delay, [this, attempt, outcome, times = let_go_] {
    if (times != let_go_) return;
    Pipe& lane = pipes_[attempt.lane.number];
    if (--lane.flying == 0) lane.broken = false;
    Answer(attempt, outcome);
  });
}

void Simulation::Answer(const Attempt& attempt, const sinks::Outcome& outcome) {
  if (outcome.verdict == sinks::Verdict::kDelivered && !capacity_) Accept(attempt.event->seq);
  if (!TellsOutcome(outcome) && outcome.maybe_received) unanswered.insert(attempt.event->seq);
  in_flight_.erase(attempt.id);
  core_->OnOutcome(attempt, outcome, now());
}

void Simulation::ReadLane(const LaneRead& read) {
  At(read_latency, [this, read] {
    if (chance_.Unit() < 0.02) return core_->OnLaneFailed(read);
    store::Portion page{{}, read.through};
    const LaneKey lane = LaneKey::Parse(read.key);
    std::size_t bytes = 0;
    const store::Seq after = std::max(read.after, deleted_through_);  // what is gone cannot be read
    for (auto i = static_cast<std::size_t>(after); i < static_cast<std::size_t>(read.through); ++i) {
      if (!lane.Holds(*log[i])) continue;
      page.events.push_back(log[i]);
      bytes += BytesOf(*log[i]);
      if (page.events.size() < read.limit.events && bytes < read.limit.bytes) continue;
      page.through = log[i]->seq;
      break;
    }
    core_->OnLane(read, page, now());
  });
}

void Simulation::Commit(const store::Settlement& s) {
  if (s.settled_through < cursor.settled_through) Violate("the cursor moved back");
  if (s.settled_through > static_cast<store::Seq>(log.size())) Violate("the cursor passed the head");
  if (s.settled > s.matched) Violate("settled more than matched");
  cursor.settled_through = s.settled_through;
  cursor.through = s.through;
  cursor.matched = s.matched;
  cursor.settled = s.settled;
  cursor.pace = s.pace;
  cursor.fingerprint = core_->filter().fingerprint();  // what was counted anew is stored with this
  for (const auto& row : s.park) rows[row.lane] = row;
  rows_written += s.park.size();
  for (const auto& lane : s.unpark) rows.erase(lane);
  for (const auto& letter : s.dead) {
    if (letter.through != 0) {
      ranges.push_back(letter);
      continue;
    }
    if (dead.contains(letter.event.seq)) Violate("died twice: " + letter.event.id);
    dead[letter.event.seq] = letter;
  }
  attempts.insert(attempts.end(), s.attempts.begin(), s.attempts.end());
  stored_changed_ = true;
}

void Simulation::RunUntil(Ticks end, bool settled) {
  Drive();
  while (now_ < end && !(settled && Settled())) {
    const Ticks wake = std::max(now_ + 1'000, core_->Wake(now()));
    const Ticks next = happenings_.empty() ? kNever : happenings_.top().at;
    Pass(std::min({end, wake, std::max(next, now_)}));
    if (happenings_.empty() || happenings_.top().at > now_) Drive();
    while (!happenings_.empty() && happenings_.top().at <= now_) {
      auto run = happenings_.top().run;
      happenings_.pop();
      run();
      Drive();
    }
  }
}

bool Simulation::Settled() {
  return core_->slots() + core_->parked() == 0 && core_->quiet() && rows.empty() &&
         cursor.settled_through == static_cast<store::Seq>(log.size()) && cursor.matched == cursor.settled;
}

bool Simulation::RunUntilIdle(Ticks limit) {
  const Ticks end = now_ + limit;
  RunUntil(end, true);
  return Settled();
}

void Simulation::Crash(Ticks away, std::optional<config::Endpoint> changed) {
  for (const auto& [id, attempt] : in_flight_) {
    unanswered.insert(attempt.event->seq);
    if (!capacity_ && chance_.Unit() < 0.5) Accept(attempt.event->seq);
  }
  CheckExposed();
  // What was decided but not stored is undone; what followed it may have been sent.
  const auto undone = std::erase_if(died_, [this](auto seq) { return !dead.contains(seq) && !expired.contains(seq); });
  now_ += away;
  if (changed) Enter(std::move(*changed));
  Start();
  if (undone > 0) ArrangeLanes(true);
}

void Simulation::FlushEverything() {
  core_->RenewAges(now());
  for (int i = 0; i < 8; ++i) {
    if (auto settlement = core_->TakeSettlement(now(), true)) {
      Commit(*settlement);
      core_->Flushed();
    }
  }
}

void Simulation::LetGo() {
  ++let_go_;
  pipes_.clear();
  std::vector<Attempt> let_go;
  for (const auto& [id, attempt] : std::exchange(in_flight_, {})) let_go.push_back(attempt);
  for (const Attempt& attempt : let_go) {
    const store::Seq seq = attempt.event->seq;
    sinks::Outcome outcome;
    outcome.maybe_received = chance_.Unit() < 0.8;
    if (outcome.maybe_received) unanswered.insert(seq);
    if (!capacity_ && outcome.maybe_received && chance_.Unit() < 0.5) Accept(seq);
    core_->OnLetGo(attempt, outcome, now());
  }
  MayRepeat(let_go);
}

// What was let go, and what was accepted of its lane behind it and so is not settled yet.
void Simulation::MayRepeat(const std::vector<Attempt>& let_go) {
  std::unordered_map<std::uint64_t, store::Seq> first;  // by lane
  for (const Attempt& attempt : let_go) first.try_emplace(attempt.lane.number, attempt.event->seq);
  for (const auto& [seq, lane] : sent_in_) {
    const auto from = first.find(lane);
    if (from != first.end() && seq >= from->second && accepted.contains(seq)) {
      repeatable_.insert(seq);
      exposed_.erase(seq);
    }
  }
}

void Simulation::Restart(const std::function<void()>& between) {
  core_->Stop(true);
  if (chance_.Unit() < 0.5) LetGo();
  for (int i = 0; i < 60'000 && (core_->in_flight() > 0 || !happenings_.empty()); ++i) RunFor(kMillisecond);
  FlushEverything();
  const std::string entry = endpoint_.fingerprint;
  const auto pace = [this] {
    return std::pair(core_->pace().breaker().state() == BreakerState::kClosed, core_->pace().breaker().failures());
  };
  const auto before = pace();
  between();
  Start();
  if (endpoint_.fingerprint == entry && pace() != before) Violate("a restart changed the breaker");
}

void Simulation::Expire(store::Seq through) {
  core_->Stop(true);
  if (chance_.Unit() < 0.5) LetGo();
  core_->RenewAges(now());
  expiring_ = true;
  const auto quiet = [this] { return core_->quiet() && core_->flushed(); };
  for (int i = 0; i < 60'000 && !quiet(); ++i) RunFor(kMillisecond);
  expiring_ = false;
  TakeNotes();
  if (!quiet()) Violate("something is under way after the end of everything");
  Expiry expiry(cursor, StoredRows(), core_->filter(), through);
  for (store::Seq seq = expiry.first(); seq <= through; ++seq) {
    const store::Event& event = *log[static_cast<std::size_t>(seq - 1)];
    if (!expiry.Take(event)) continue;
    if (!expired.insert(seq).second) Violate("expired twice: " + event.id);
    if (dead.contains(seq)) Violate("expired after its death: " + event.id);
    const bool delivered = accepted.contains(seq) && !repeatable_.contains(seq) && !behind_.contains(seq);
    if (delivered) Violate("expired after its delivery: " + event.id);
    died_.insert(seq);
  }
  const store::Settlement settlement = expiry.Finish(now().wall);
  Commit(settlement);
  core_->Reload(cursor, expiry.RowsAfter(settlement), now());
  ArrangeLanes(false);
  if (core_->UnneededThrough() < through) Violate("something still needs what has expired");
  core_->Stop(false);
}

void Simulation::Reload(config::Endpoint endpoint) {
  core_->Stop(true);
  RunFor(kSecond);
  Restart([&] { Enter(std::move(endpoint)); });
}

// The entry is another from the next start on.
void Simulation::Enter(config::Endpoint endpoint) {
  for (const store::EventPtr& event : log) {
    if (core_->filter().Wants(*event) || passed_over.contains(event->seq)) continue;
    const store::ParkedLane* row = FindRow(rows, *event);
    const bool settled = row != nullptr && event->seq < row->next_seq;
    if (event->seq <= cursor.settled_through ? !WaitsInRow(*event) : settled) passed_over.insert(event->seq);
  }
  const bool filters = Filter(endpoint).fingerprint() != core_->filter().fingerprint();
  endpoint_ = std::move(endpoint);
  if (endpoint_.fingerprint.empty()) endpoint_.fingerprint = "entry " + std::to_string(++entries_);
  if (filters) ArrangeLanes(true);
}

void Simulation::DeleteUnneeded() {
  deleted_through_ = std::max(deleted_through_, core_->UnneededThrough());
  if (cursor.settled_through < deleted_through_) Violate("an event was deleted before the stored cursor");
}

}  // namespace portcall::broker
