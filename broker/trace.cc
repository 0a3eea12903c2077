#include "broker/trace.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/core/filter.h"
#include "runtime/text.h"
#include "runtime/time.h"
#include "store/cursors.h"
#include "store/dead_letters.h"
#include "store/event_log.h"
#include "store/filters.h"
#include "store/lane.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kTries = 20;
constexpr std::size_t kDeadLetters = 1'000;
constexpr store::Limit kAhead{256, 1 << 20};  // of a lane, that is looked at for its first event

// What there is to know of the event at one cursor.
struct Facts {
  store::Cursor cursor;
  std::vector<store::AttemptRow> tries;
  std::optional<store::DeadLetter> dead, range;
  std::vector<store::FilterChange> filters;
  std::optional<store::ParkedLane> lane;  // where it waits
  store::Seq front = 0;                   // the first of that lane that waits
  bool waits = false;
};

// Judges one event at one cursor after the other.
class Tracer {
 public:
  Tracer(store::Snapshot& s, Trace& trace, std::vector<store::DeadLetter> dead)
      : s_(s), trace_(trace), dead_(std::move(dead)) {}

  Result<void> Ask(const store::Cursor& cursor);
  Result<void> AskDropped(const store::DroppedCursor& dropped);
  // Nothing is known of it there, and why.
  void Pass(const std::string& endpoint, bool removed, std::string why);
  // Of cursors that are gone, and left nothing else.
  void AddRest();

 private:
  Result<Facts> Gather(const store::Cursor& cursor);
  void FindLane(Facts& facts);
  store::Seq FrontOf(const Facts& facts, const Filter& filter);
  bool JudgeByRecord(const Facts& facts, Verdict& verdict) const;
  bool JudgeByFilter(const Facts& facts, Verdict& verdict) const;
  std::string LaterRule(const Facts& facts) const;
  void JudgeWaiting(const Facts& facts, Verdict& verdict) const;
  void JudgeRest(const Facts& facts, Verdict& verdict) const;
  std::optional<store::DeadLetter> TakeDead(std::int64_t cursor);

  store::Snapshot& s_;
  Trace& trace_;
  std::vector<store::DeadLetter> dead_;  // of the event; those that a verdict has are taken out
};

std::string Number(std::int64_t number) { return std::to_string(number); }

void Tell(Verdict& verdict, const store::DeadLetter& dead) {
  verdict.dead_letter = dead.id;
  verdict.at = dead.died_at;
  if (dead.through != 0) {
    verdict.fate = Fate::kExpired;
    verdict.detail = "the log was full: events " + Number(dead.event.seq) + " to " + Number(dead.through) +
                     " expired, dead letter " + Number(dead.id);
    return;
  }
  verdict.fate = Fate::kDead;
  verdict.attempts = dead.attempts;
  verdict.answer = dead.answer;
  verdict.detail = dead.reason + ", dead letter " + Number(dead.id);
}

void Tell(Verdict& verdict, const store::AttemptRow& last) {
  verdict.at = last.at;
  if (last.sent_again()) {
    verdict.fate = Fate::kSentAgain;
    verdict.detail = last.error;
    return;
  }
  if (!last.superseded()) {
    verdict.fate = Fate::kDelivered;
    verdict.attempts = last.attempt;
    verdict.status = last.status;
    verdict.latency_us = last.latency_us;
    return;
  }
  verdict.fate = Fate::kSuperseded;
  verdict.by = last.error.substr(last.error.rfind(' ') + 1);
  verdict.detail = last.error;
}

Result<Facts> Tracer::Gather(const store::Cursor& cursor) {
  Facts facts;
  facts.cursor = cursor;
  auto tries = store::ListAttempts(s_, cursor.id, trace_.seq, kTries);
  if (!tries) return tries.error();
  facts.tries = std::move(*tries);
  facts.dead = TakeDead(cursor.id);
  if (!facts.dead) facts.range = store::FindDeadRange(s_, cursor.id, trace_.seq);
  facts.filters = store::LoadFilters(s_, cursor.id);
  if (facts.filters.empty()) facts.filters.push_back({trace_.seq, cursor.fingerprint});
  facts.waits = trace_.in_log && trace_.seq > cursor.settled_through;
  if (trace_.in_log) FindLane(facts);
  return facts;
}

std::optional<store::DeadLetter> Tracer::TakeDead(std::int64_t cursor) {
  const auto found = std::ranges::find(dead_.rbegin(), dead_.rend(), cursor, &store::DeadLetter::cursor);
  if (found == dead_.rend()) return std::nullopt;
  store::DeadLetter dead = std::move(*found);
  std::erase_if(dead_, [cursor](const store::DeadLetter& other) { return other.cursor == cursor; });
  return dead;
}

// A row whose lane holds the event. The order may have been changed meanwhile, so that several do.
void Tracer::FindLane(Facts& facts) {
  const store::Event& event = *trace_.event;
  const std::array names{store::LaneOfRepository(event.source, event.repository),
                         store::LaneOfTag(event.source, event.repository, event.tag), store::LaneOfAll(),
                         store::LaneOfOne(event.seq)};
  const Filter filter(facts.filters.back().fingerprint, facts.cursor.id);
  for (const std::string& name : names) {
    auto lane = store::FindParked(s_, facts.cursor.id, name);
    if (!lane) continue;
    // What lies before the row's place is settled, though the cursor may stand before it.
    if (lane->next_seq > event.seq) {
      if (store::LaneKey::Parse(name).kind != store::LaneKey::Kind::kStrict) facts.waits = false;
      continue;
    }
    facts.lane = std::move(lane);
    facts.waits = true;
    facts.front = FrontOf(facts, filter);
    return;
  }
}

// The row's place may lie before the first event that the endpoint wants.
store::Seq Tracer::FrontOf(const Facts& facts, const Filter& filter) {
  const store::ParkedLane& lane = *facts.lane;
  const bool strict = store::LaneKey::Parse(lane.lane).kind == store::LaneKey::Kind::kStrict;
  const store::Portion ahead = strict ? store::ReadEvents(s_, lane.next_seq - 1, trace_.seq, kAhead)
                                      : store::ReadLane(s_, lane.lane, lane.next_seq - 1, trace_.seq, kAhead);
  for (const store::EventPtr& event : ahead.events) {
    if (filter.Wants(*event)) return event->seq;
  }
  return lane.next_seq;
}

bool Tracer::JudgeByRecord(const Facts& facts, Verdict& verdict) const {
  const auto& tries = facts.tries;
  const auto settled = std::ranges::find_if(tries.rbegin(), tries.rend(),
                                            [](const auto& row) { return row.delivered || row.superseded(); });
  if (settled != tries.rend()) {
    Tell(verdict, *settled);
  } else if (facts.dead) {
    Tell(verdict, *facts.dead);
    if (!tries.empty()) verdict.status = tries.back().status;
  } else {
    return false;
  }
  return true;
}

// By the filter that the event was judged with; while it waits, by the last one.
bool Tracer::JudgeByFilter(const Facts& facts, Verdict& verdict) const {
  if (!trace_.event || (!facts.tries.empty() && !facts.waits)) return false;  // what was tried had been wanted
  if (const store::Retrial* again = trace_.event->retrial.get()) {
    if (again->cursor == facts.cursor.id) return false;
    verdict.fate = Fate::kFiltered;
    verdict.detail = "it is sent again to another endpoint alone";
    return true;
  }
  const auto& filters = facts.filters;
  const auto later = std::ranges::find_if(filters, [this](const auto& change) { return change.after >= trace_.seq; });
  if (later == filters.begin() && !facts.waits) return false;  // how it was then is not recorded
  const auto judge = std::prev(facts.waits ? filters.end() : later);
  const std::string_view rule = Filter(judge->fingerprint).WhyNot(*trace_.event);
  if (rule.empty()) return false;
  verdict.fate = Fate::kFiltered;
  verdict.detail = rule;
  if (!facts.waits && later != filters.end()) verdict.detail += ", as the filter was then";
  return true;
}

// A filter of later that does not want it: it may have waited until then.
std::string Tracer::LaterRule(const Facts& facts) const {
  if (!trace_.event || trace_.event->retrial) return {};
  for (const store::FilterChange& filter : facts.filters) {
    const std::string_view rule = Filter(filter.fingerprint).WhyNot(*trace_.event);
    if (filter.after >= trace_.seq && !rule.empty()) return std::string(rule);
  }
  return {};
}

void Tracer::JudgeWaiting(const Facts& facts, Verdict& verdict) const {
  verdict.fate = Fate::kPending;
  if (verdict.removed) {
    verdict.detail = "its endpoint is removed or disabled: it is kept, and not sent";
    return;
  }
  verdict.attempts = facts.tries.empty() ? 0 : facts.tries.back().attempt;
  if (!facts.tries.empty()) verdict.status = facts.tries.back().status;
  if (!facts.lane) {
    verdict.detail =
        facts.tries.empty()
            ? "it waits for its turn; all up to event " + Number(facts.cursor.settled_through) + " is settled or parked"
            : "attempt " + Number(facts.tries.back().attempt) + " failed: " + facts.tries.back().error;
    return;
  }
  const store::ParkedLane& lane = *facts.lane;
  const bool failed = lane.attempts > 0 && !lane.started;
  const std::string failure = "attempt " + Number(lane.attempts) + " failed: " + lane.reason;
  if (facts.front != trace_.seq) {
    verdict.behind = facts.front;
    verdict.detail = "behind event " + Number(facts.front) + " of its lane";
    if (failed) verdict.detail += ", which waits: " + failure;
    return;
  }
  verdict.attempts = std::max<std::int64_t>(verdict.attempts, lane.attempts);
  if (!failed) {
    verdict.detail = "it is the next one of its lane";
    return;
  }
  verdict.fate = Fate::kParked;
  verdict.until = lane.due;
  verdict.detail = failure;
}

void Tracer::JudgeRest(const Facts& facts, Verdict& verdict) const {
  if (!facts.tries.empty()) {
    const store::AttemptRow& last = facts.tries.back();
    verdict.fate = Fate::kGivenUp;
    verdict.attempts = last.attempt;
    verdict.status = last.status;
    verdict.detail = "attempt " + Number(last.attempt) + " failed: " + last.error +
                     "; its dead letter is deleted, or what the endpoint had left was dropped";
    return;
  }
  verdict.fate = Fate::kUnknown;
  const std::int64_t recorded = trace_.event ? trace_.event->recorded_at : 0;
  if (trace_.history == 0) {
    verdict.detail = "no attempts are recorded";
  } else if (recorded < trace_.history) {
    verdict.detail =
        "no longer recorded: the oldest attempt that is known is of " + runtime::Rfc3339Nano(trace_.history);
  } else {
    verdict.detail =
        "settled, and nothing is recorded of it: its dead letter is deleted, or an earlier version sent it";
  }
  if (const std::string rule = LaterRule(facts); !rule.empty()) {
    verdict.detail += "; or it waited, and a later filter kept it out (" + rule + ")";
  }
}

Result<void> Tracer::Ask(const store::Cursor& cursor) {
  auto gathered = Gather(cursor);
  if (!gathered) return gathered.error();
  Facts& facts = *gathered;
  Verdict verdict;
  verdict.endpoint = cursor.endpoint;
  verdict.removed = cursor.kind == store::CursorKind::kRemoved;
  const store::Seq seq = trace_.seq;
  const bool begun = seq > cursor.from, ended = verdict.removed && seq > cursor.through;
  if (!JudgeByRecord(facts, verdict)) {
    if (verdict.removed && (!begun || ended)) return {};
    if (!begun) {
      verdict.fate = Fate::kNotAsked;
      verdict.detail = "the endpoint began after it, with event " + Number(cursor.from + 1);
    } else if (!JudgeByFilter(facts, verdict)) {
      if (facts.waits) {
        JudgeWaiting(facts, verdict);
      } else if (facts.range) {
        Tell(verdict, *facts.range);
      } else {
        JudgeRest(facts, verdict);
      }
    }
  }
  verdict.tries = std::move(facts.tries);
  trace_.verdicts.push_back(std::move(verdict));
  return {};
}

Result<void> Tracer::AskDropped(const store::DroppedCursor& dropped) {
  auto tries = store::ListAttempts(s_, dropped.id, trace_.seq, kTries);
  if (!tries) return tries.error();
  if (tries->empty()) return {};
  Facts facts;
  facts.tries = std::move(*tries);
  facts.dead = TakeDead(dropped.id);
  Verdict verdict;
  verdict.endpoint = dropped.endpoint;
  verdict.removed = true;
  if (!JudgeByRecord(facts, verdict)) JudgeRest(facts, verdict);
  verdict.tries = std::move(facts.tries);
  trace_.verdicts.push_back(std::move(verdict));
  return {};
}

void Tracer::Pass(const std::string& endpoint, bool removed, std::string why) {
  Verdict verdict;
  verdict.endpoint = endpoint;
  verdict.removed = removed;
  verdict.detail = std::move(why);
  trace_.verdicts.push_back(std::move(verdict));
}

void Tracer::AddRest() {
  for (const store::DeadLetter& dead : dead_) {
    Verdict verdict;
    verdict.endpoint = dead.endpoint;
    verdict.removed = true;
    Tell(verdict, dead);
    trace_.verdicts.push_back(std::move(verdict));
  }
}

}  // namespace

std::string_view WordOf(Fate fate) {
  constexpr std::array<std::string_view, 11> kWords{"delivered", "superseded", "filtered", "pending",
                                                    "parked",    "dead",       "expired",  "given up",
                                                    "not asked", "sent again", "unknown"};
  return kWords.at(static_cast<std::size_t>(fate));
}

store::Seq SeqOf(store::Snapshot& s, std::string_view seq_or_id) {
  if (const auto seq = runtime::ParseNumber<store::Seq>(seq_or_id)) return std::max<store::Seq>(0, *seq);
  if (const store::EventPtr event = store::FindEvent(s, seq_or_id)) return event->seq;
  const auto dead = store::ListDeadOf(s, seq_or_id, 1);
  return dead.empty() ? 0 : dead.front().event.seq;
}

Result<Trace> TraceEvent(store::Snapshot& s, store::Seq seq, const std::function<bool()>& goes_on) {
  if (seq <= 0 || seq > store::Head(s)) return Error(Errc::kNotFound, "no event has had the seq " + Number(seq));
  Trace trace;
  trace.seq = seq;
  trace.event = store::FindEvent(s, seq);
  trace.in_log = trace.event != nullptr;
  trace.history = store::OldestAttempt(s);
  auto dead = store::ListDeadOf(s, seq, kDeadLetters);
  if (!trace.event && !dead.empty()) {
    if (auto whole = store::FindDead(s, dead.front().id)) {
      trace.event = std::make_shared<const store::Event>(std::move(whole->event));
    }
  }
  Tracer tracer(s, trace, std::move(dead));
  for (const store::Cursor& cursor : store::LoadCursors(s)) {
    if (cursor.kind == store::CursorKind::kReplay) continue;
    if (goes_on && !goes_on()) {
      tracer.Pass(cursor.endpoint, cursor.kind == store::CursorKind::kRemoved, "not looked at: it takes too long");
    } else if (auto asked = tracer.Ask(cursor); !asked) {
      tracer.Pass(cursor.endpoint, cursor.kind == store::CursorKind::kRemoved, asked.error().detail);
    }
  }
  for (const store::DroppedCursor& dropped : store::LoadDropped(s)) {
    if (goes_on && !goes_on()) break;
    if (auto asked = tracer.AskDropped(dropped); !asked) tracer.Pass(dropped.endpoint, true, asked.error().detail);
  }
  tracer.AddRest();
  return trace;
}

}  // namespace portcall::broker
