#include <algorithm>
#include <ranges>
#include <utility>

#include "tests/broker/simulation.h"

// What must hold of every history, whatever happens in it.
namespace portcall::broker {

void Simulation::Violate(const std::string& what) {
  if (violations.size() < 10) violations.push_back(what + " at " + std::to_string(now_ / kMillisecond) + " ms");
}

// What retention may delete must not be needed after a crash, whatever was decided meanwhile.
void Simulation::CheckUnneeded() {
  if (!std::exchange(stored_changed_, false) && core_->UnneededThrough() == unneeded_) return;
  unneeded_ = core_->UnneededThrough();
  store::Seq stored = cursor.settled_through;
  for (const auto& [key, row] : rows) {
    if (key != "*") stored = std::min(stored, row.next_seq - 1);  // a strict line leaves nothing behind the cursor
  }
  if (core_->UnneededThrough() > stored) Violate("an event may be deleted that the stored state needs");
}

// Neither an open breaker, a pause nor the time between two lives ages an event.
void Simulation::CheckAge(const Note& death) {
  const Ticks age = active_ - tried_at_.at(death.event->seq);
  const auto most = core_->policy().max_age;
  if (!most || age <= *most) Violate("died of an age of " + std::to_string(age / kMillisecond) + " ms");
}

// Only a later push of the same tag supersedes, with nothing but pushes of it between; nothing that is in flight does.
void Simulation::CheckSuperseded(const Note& note) {
  const store::Event& old = *note.event;
  const store::Event& by = *log[static_cast<std::size_t>(std::stoll(note.text.substr(3)) - 1)];
  superseded[old.seq] = by.seq;
  if (by.seq <= old.seq || by.repository != old.repository || by.tag != old.tag) Violate("superseded by a stranger");
  for (store::Seq seq = old.seq; seq <= by.seq; ++seq) {
    const store::Event& event = *log[static_cast<std::size_t>(seq - 1)];
    const bool same = event.repository == old.repository && event.tag == old.tag && core_->filter().Wants(event);
    if (same && event.action != store::Action::kPush) Violate("collapsed over a delete: " + old.id);
  }
  for (const auto& [id, attempt] : in_flight_) {
    if (attempt.event->seq == old.seq) Violate("superseded in flight: " + old.id);
  }
}

void Simulation::Pass(Ticks until) {
  if (!core_->pace().shut()) active_ += until - now_;
  now_ = until;
}

// Of an event that is to die and cannot stay pending: once it is there, it is dead at once.
void Simulation::SetAside(const Attempt& attempt) {
  const store::Seq seq = attempt.event->seq;
  if (died_.contains(seq)) Violate("set aside again: " + attempt.event->id);
  ++asides[seq];
  sentenced_.insert(seq);
  in_flight_[attempt.id] = attempt;
  const auto delay = static_cast<Ticks>((0.5 + chance_.Unit()) * static_cast<double>(place_latency.value_or(latency)));
  At(delay, [this, attempt, times = let_go_] {
    if (times != let_go_) return;
    const sinks::Outcome outcome = AsideOutcome(*attempt.event);
    in_flight_.erase(attempt.id);
    core_->OnOutcome(attempt, outcome, now());
    TakeNotes();
    const bool is_there = outcome.verdict == sinks::Verdict::kDelivered;
    if (is_there && !died_.contains(attempt.event->seq)) Violate("set aside, but pending: " + attempt.event->id);
  });
}

sinks::Outcome Simulation::AsideOutcome(const store::Event& event) {
  if (place) return place(event, now());
  sinks::Outcome outcome;
  if (chance_.Unit() < 0.9) outcome.verdict = sinks::Verdict::kDelivered;
  outcome.blames = static_cast<sinks::Blames>(chance_.Next() % 3);
  return outcome;
}

// What is to die goes to its place alone, but for probes: these tell of the endpoint.
void Simulation::CheckSentenced(store::Seq seq) {
  const bool sentenced = sentenced_.erase(seq) > 0;
  if (sentenced && core_->pace().breaker().state() == BreakerState::kClosed) {
    Violate("sent again, but to die: " + std::to_string(seq));
  }
}

void Simulation::CheckOrder(const store::Event& event) {
  const store::Seq ahead = lanes_.FirstAhead(event, [this](store::Seq seq) { return Ended(seq); });
  if (ahead != 0) Violate("event " + std::to_string(event.seq) + " overtook " + std::to_string(ahead));
}

std::vector<store::ParkedLane> Simulation::StoredRows() const {
  const auto values = rows | std::views::values;
  return {values.begin(), values.end()};
}

// Whether the cursor has left the event to a row's lane.
bool Simulation::WaitsInRow(const store::Event& event) const {
  const store::ParkedLane* row = FindRow(rows, event);
  return event.seq <= cursor.settled_through && row != nullptr && event.seq >= row->next_seq;
}

// As the cursor and its rows are stored.
bool Simulation::SettledAsStored(const store::Event& event) const {
  if (event.seq <= cursor.settled_through && rows.empty()) return true;
  const store::ParkedLane* row = FindRow(rows, event);
  if (event.seq <= cursor.settled_through) return row == nullptr || event.seq < row->next_seq;
  return row != nullptr && event.seq < row->next_seq;
}

void Simulation::Accept(store::Seq seq) {
  ++accepted[seq];
  repeatable_.erase(seq);
  exposed_.insert(seq);
}

void Simulation::CountRepeatable() {
  repeatable_.clear();
  exposed_.clear();
  store::Seq settled = cursor.settled_through;
  for (const auto& [key, row] : rows) settled = std::min(settled, row.next_seq - 1);
  for (auto at = accepted.upper_bound(settled); at != accepted.end(); ++at) {
    if (!SettledAsStored(*log[static_cast<std::size_t>(at->first - 1)])) repeatable_.insert(at->first);
  }
}

// What a crash repeats is bounded (docs/delivery.md §2).
void Simulation::CheckExposed() {
  const auto again = std::ranges::count_if(exposed_, [this](store::Seq seq) {
    return !behind_.contains(seq) && !SettledAsStored(*log[static_cast<std::size_t>(seq - 1)]);
  });
  if (again > 1'024 + core_->policy().window) Violate("too many duplicates after a crash: " + std::to_string(again));
}

void Simulation::ArrangeLanes(bool anew) {
  sentenced_.clear();  // what was known of them is, too
  const Filter filter(endpoint_);
  anew = lanes_.Change(LaningOf(endpoint_), cursor.settled_through, StoredRows()) || anew;
  if (!anew) return;
  lanes_.Clear();
  for (const store::EventPtr& event : log) {
    if (filter.Wants(*event) && !passed_over.contains(event->seq)) lanes_.Add(*event);
  }
}

// No push goes out while a later one of its tag is in the log, unless something else of the tag lies between them.
void Simulation::CheckNewest(const store::Event& event) {
  if (event.action != store::Action::kPush || event.tag.empty()) return;
  if (!endpoint_.retry_on_timeout || endpoint_.max_parked < 100) return;  // announced before, or unread
  if (lanes_.At(event.seq) == Laning::kNone) return;                      // passed before there were tags
  const auto read = core_->held_by_change() ? static_cast<std::size_t>(core_->scan()) : log.size();
  for (auto i = static_cast<std::size_t>(event.seq); i < read; ++i) {
    const store::Event& later = *log[i];
    if (later.repository != event.repository || later.tag != event.tag || !core_->filter().Wants(later)) continue;
    if (later.action == store::Action::kPush) {
      Violate("event " + std::to_string(event.seq) + " went though " + std::to_string(later.seq) + " was there");
    }
    return;
  }
}

}  // namespace portcall::broker
