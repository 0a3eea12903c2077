#include "broker/endpoint/reporter.h"

#include <array>
#include <utility>
#include <vector>

#include "broker/endpoint/expiring.h"

namespace portcall::broker {
namespace {

constexpr Ticks kSummaryInterval = 60 * kSecond;
constexpr std::int64_t kDeathsTold = 20;  // dead letters named singly between two summaries

std::string Seconds(Ticks ticks) { return std::to_string(ticks / kSecond) + "s"; }

}  // namespace

Reporter::Reporter(runtime::Log& log, runtime::Metrics& metrics, const config::Endpoint& endpoint,
                   const EndpointCore& core, Begin begin)
    : log_(log),
      endpoint_(endpoint),
      core_(core),
      metrics_(metrics, endpoint.name),
      dead_letters_(begin.dead_letters),
      was_failing_(begin.was_failing),
      by_operator_(begin.paused_by_operator),
      paused_since_(begin.paused_since) {}

void Reporter::StillPaused() {
  const std::array<runtime::LogField, 3> fields{
      {{"endpoint", endpoint_.name}, {"reason", core_.pace().pause()}, {"pending", Pending()}}};
  if (by_operator_) {
    log_.Write(runtime::Level::kWarn, "endpoint is still paused by an operator: resume it by name", fields);
  } else {
    log_.Write(runtime::Level::kError,
               "endpoint is still paused: it answered that it is gone; resume it by name, or change its entry", fields);
  }
}

void Reporter::Ended(const Attempt& attempt, const sinks::Outcome& outcome, Moment now) {
  metrics_.Ended(*attempt.event, attempt.number, outcome, now.wall);
  if (outcome.verdict == sinks::Verdict::kDelivered) {
    delivered_.Add(now.ticks);
  } else if (!BlamesNobody(outcome)) {
    last_error_ = {ErrorOf(outcome), attempt.event->id, now.wall, outcome.status, attempt.number};
  }
  if (outcome.verdict == sinks::Verdict::kDelivered || !log_.Enabled(runtime::Level::kDebug)) return;
  log_.Debug("attempt failed", {{"endpoint", endpoint_.name},
                                {"event", attempt.event->id},
                                {"attempt", std::to_string(attempt.number)},
                                {"error", outcome.error}});
}

// The failures were logged before the reload, so the recovery is logged here. A new failure is logged as usual.
void Reporter::Judged(const sinks::Outcome& outcome) {
  if (!std::exchange(was_failing_, false) || outcome.verdict != sinks::Verdict::kDelivered) return;
  log_.Info("endpoint recovered with its changed entry", {{"endpoint", endpoint_.name}, {"pending", Pending()}});
}

void Reporter::Tell(const Note& note, Moment now) {
  switch (note.kind) {
    case Note::Kind::kFailing:
      return TellFailing(note, now);
    case Note::Kind::kOpened:
      return TellOpened(note, now);
    case Note::Kind::kRecovered:
      return TellRecovered(note);
    case Note::Kind::kDead:
      return TellDead(note, now);
    case Note::Kind::kPaused:
      return TellPaused(note, now);
    case Note::Kind::kSuperseded:
      return TellSuperseded(note);
  }
}

void Reporter::TellFailing(const Note& note, Moment now) {
  log_.Warn("endpoint started failing", {{"endpoint", endpoint_.name}, {"error", note.text}});
  next_summary_ = now.ticks + kSummaryInterval;
}

void Reporter::TellOpened(const Note& note, Moment now) {
  log_.Warn("endpoint is down, probing it from time to time",
            {{"endpoint", endpoint_.name}, {"error", note.text}, {"pending", Pending()}});
  if (!next_summary_) next_summary_ = now.ticks + kSummaryInterval;  // as after a restart
}

void Reporter::TellRecovered(const Note& note) {
  std::vector<runtime::LogField> fields = {{"endpoint", endpoint_.name}, {"pending", Pending()}};
  if (note.lasted) fields.push_back({"after", Seconds(*note.lasted)});
  log_.Write(runtime::Level::kInfo, "endpoint recovered", fields);
  if (trouble_.empty()) next_summary_.reset();
}

void Reporter::TellDead(const Note& note, Moment now) {
  ++dead_letters_;
  metrics_.Lost();
  if (!next_deaths_) next_deaths_ = now.ticks + kSummaryInterval;
  if (++deaths_told_ > kDeathsTold) {
    ++deaths_untold_;
    return;
  }
  const store::Event& event = *note.event;
  std::vector<runtime::LogField> fields = {{"endpoint", endpoint_.name},
                                           {"event", event.id},
                                           {"reason", note.text},
                                           {"attempts", std::to_string(note.attempts)},
                                           {"action", std::string(store::NameOf(event.action))},
                                           {"kind", std::string(store::NameOf(event.kind))},
                                           {"repository", event.repository}};
  if (!event.tag.empty()) {
    fields.push_back({"tag", event.tag});
  } else if (!event.digest.empty()) {
    fields.push_back({"digest", event.digest});
  }
  log_.Write(runtime::Level::kWarn, "event dead-lettered", fields);
}

void Reporter::TellPaused(const Note& note, Moment now) {
  if (core_.pace().pause() != note.text) return;  // an operator's word has come since
  by_operator_ = false;
  paused_since_ = now.wall;
  log_.Error("endpoint paused: it answered that it is gone; resume it by name, or change its entry",
             {{"endpoint", endpoint_.name}, {"reason", note.text}, {"pending", Pending()}});
}

void Reporter::PausedByOperator(std::int64_t since) {
  by_operator_ = true;
  paused_since_ = since;
}

void Reporter::Resumed() {
  by_operator_ = false;
  paused_since_ = 0;
}

void Reporter::TellSuperseded(const Note& note) {
  metrics_.Superseded();
  if (!log_.Enabled(runtime::Level::kDebug)) return;
  log_.Debug("event superseded", {{"endpoint", endpoint_.name}, {"event", note.event->id}, {"by", note.text}});
}

void Reporter::Trouble(std::string trouble, Moment now) {
  const bool told = !trouble_.empty();
  trouble_ = std::move(trouble);
  if (!told && !trouble_.empty()) {
    log_.Warn("endpoint is in trouble, its deliveries wait",
              {{"endpoint", endpoint_.name}, {"error", trouble_}, {"pending", Pending()}});
    if (!next_summary_) next_summary_ = now.ticks + kSummaryInterval;
  } else if (told && trouble_.empty()) {
    log_.Info("endpoint is out of trouble", {{"endpoint", endpoint_.name}, {"pending", Pending()}});
    if (!core_.pace().failing()) next_summary_.reset();
  }
}

void Reporter::Expired(store::Seq from, store::Seq through, std::int64_t events) {
  metrics_.Lost(events);
  TellExpired(log_, endpoint_.name, from, through, events);
}

void Reporter::CursorLost() {
  if (std::exchange(cursor_lost_, true)) return;
  next_summary_.reset();
  log_.Error(
      "endpoint stands still: another process has taken over its cursor, or the cursor is gone; its events are "
      "kept, and a reload or a restart goes on where the cursor stands then",
      {{"endpoint", endpoint_.name}});
}

std::int64_t Reporter::TakeUntold() {
  next_deaths_.reset();
  deaths_told_ = 0;
  return std::exchange(deaths_untold_, 0);
}

void Reporter::TellUntold() {
  const std::int64_t untold = TakeUntold();
  if (untold == 0) return;
  log_.Warn("more events dead-lettered", {{"endpoint", endpoint_.name}, {"dead_untold", std::to_string(untold)}});
}

void Reporter::Summarize(std::optional<std::chrono::nanoseconds> oldest, Moment now) {
  const bool due = next_summary_ && now.ticks >= *next_summary_;
  if (due) next_summary_ = now.ticks + kSummaryInterval;
  if (!due || by_operator_) {  // whoever paused it knows
    if (next_deaths_ && now.ticks >= *next_deaths_) TellUntold();
    return;
  }
  log_.Warn("endpoint keeps failing",
            {{"endpoint", endpoint_.name},
             {"error", core_.pace().last_error().empty() ? trouble_ : core_.pace().last_error()},
             {"pending", Pending()},
             {"oldest", oldest ? Seconds(oldest->count()) : "unknown"},
             {"waiting", std::to_string(core_.parked())},
             {"dead_untold", std::to_string(TakeUntold())}});
}

void Reporter::Show(std::optional<std::chrono::nanoseconds> oldest) {
  EndpointMetrics::Levels levels;
  levels.pending = core_.pending_on_disk();
  levels.dead_letters = dead_letters_;
  levels.parked = static_cast<std::int64_t>(core_.parked());
  levels.in_flight = core_.in_flight();
  levels.window = core_.window();
  levels.oldest_pending = oldest;
  levels.breaker = core_.pace().breaker().state();
  levels.paused = core_.pace().paused();
  metrics_.Show(levels);
}

Reporter::State Reporter::state() const {
  if (cursor_lost_) {
    return {Condition::kStuck, "another process has taken over its cursor, or the cursor is gone"};
  }
  if (core_.pace().paused()) return {Condition::kPaused, core_.pace().pause()};
  const std::string& error = core_.pace().last_error().empty() ? trouble_ : core_.pace().last_error();
  if (core_.pace().breaker().state() != BreakerState::kClosed) return {Condition::kDown, error};
  if (core_.held_by_change()) {
    return {Condition::kStuck, "order or collapse was changed: what " + std::to_string(core_.parked()) +
                                   " parked lanes hold goes before later events"};
  }
  if (core_.held_by_parking()) {
    return {Condition::kStuck, "maxparked reached: " + std::to_string(core_.parked()) +
                                   (core_.policy().collapses ? " tags" : " repositories") +
                                   " wait for another attempt"};
  }
  return {core_.pace().failing() || !trouble_.empty() ? Condition::kFailing : Condition::kOk, error};
}

EndpointStatus Reporter::Status(std::optional<std::chrono::nanoseconds> oldest) const {
  EndpointStatus status;
  status.name = endpoint_.name;
  status.type = endpoint_.type();
  status.url = config::PlaceOf(endpoint_);
  status.breaker = core_.pace().breaker().state();
  State state = this->state();
  status.condition = state.condition;
  status.reason = std::move(state.reason);
  status.paused = core_.pace().paused();
  status.paused_by_operator = status.paused && by_operator_;
  if (status.paused) status.since = paused_since_;
  status.last_error = last_error_;
  status.window = core_.window();
  status.pending = core_.pending_on_disk();
  status.oldest_pending = oldest;
  status.parked_lanes = static_cast<std::int64_t>(core_.parked());
  status.in_flight = core_.in_flight();
  status.dead_letters = dead_letters_;
  metrics_.Describe(status);
  return status;
}

}  // namespace portcall::broker
