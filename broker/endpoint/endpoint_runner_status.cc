#include <algorithm>
#include <utility>

#include "broker/endpoint/endpoint_runner.h"
#include "runtime/http/url.h"

// The part of EndpointRunner that operators see.
namespace portcall::broker {
namespace {

constexpr Ticks kSummaryInterval = 60 * kSecond;
constexpr std::int64_t kDeathsTold = 20;  // dead letters named singly between two summaries

std::string Seconds(Ticks ticks) { return std::to_string(ticks / kSecond) + "s"; }

}  // namespace

void EndpointRunner::TellRecovered(const Note& note) {
  around_.log.Info(
      "endpoint recovered",
      {{"endpoint", endpoint_.name}, {"after", Seconds(note.lasted)}, {"pending", std::to_string(core_.pending())}});
}

// The failures were logged before the reload, so the recovery is logged here. A new failure is logged as usual.
void EndpointRunner::TellRestarted(bool delivered) {
  if (!delivered) return;
  around_.log.Info("endpoint recovered with its changed entry",
                   {{"endpoint", endpoint_.name}, {"pending", std::to_string(core_.pending())}});
}

void EndpointRunner::TellStillPaused() {
  around_.log.Error(
      "endpoint is still paused: it answered that it is gone; change its entry to resume it",
      {{"endpoint", endpoint_.name}, {"reason", core_.paused()}, {"pending", std::to_string(core_.pending())}});
}

void EndpointRunner::TellDead(const Note& note) {
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
  around_.log.Write(runtime::Level::kWarn, "event dead-lettered", fields);
}

// A delivery that waits inside the sink does not fail, so operators learn of it only by these lines.
void EndpointRunner::TellTrouble() {
  const bool told = !trouble_.empty();
  trouble_ = stopping_ ? std::string() : sink_->Trouble();
  const std::string pending = std::to_string(core_.pending());
  if (!told && !trouble_.empty()) {
    around_.log.Warn("endpoint is in trouble, its deliveries wait",
                     {{"endpoint", endpoint_.name}, {"error", trouble_}, {"pending", pending}});
    if (next_summary_ == 0) next_summary_ = Now().ticks + kSummaryInterval;
  } else if (told && trouble_.empty() && !stopping_) {
    around_.log.Info("endpoint is out of trouble", {{"endpoint", endpoint_.name}, {"pending", pending}});
    if (!core_.failing()) next_summary_ = 0;
  }
}

void EndpointRunner::TellSuperseded(const Note& note) {
  metrics_.Superseded();
  if (!around_.log.Enabled(runtime::Level::kDebug)) return;
  around_.log.Debug("event superseded", {{"endpoint", endpoint_.name}, {"event", note.event->id}, {"by", note.text}});
}

void EndpointRunner::Tell(Moment now) {
  for (Note& note : core_.TakeNotes()) {
    const std::string pending = std::to_string(core_.pending());
    switch (note.kind) {
      case Note::Kind::kFailing:
        if (stopping_) break;  // what a stop cuts short is no failure of the endpoint's
        around_.log.Warn("endpoint started failing", {{"endpoint", endpoint_.name}, {"error", note.text}});
        next_summary_ = now.ticks + kSummaryInterval;
        break;
      case Note::Kind::kOpened:
        around_.log.Warn("endpoint is down, probing it from time to time",
                         {{"endpoint", endpoint_.name}, {"error", note.text}, {"pending", pending}});
        if (next_summary_ == 0) next_summary_ = now.ticks + kSummaryInterval;  // as after a restart
        break;
      case Note::Kind::kRecovered:
        TellRecovered(note);
        if (trouble_.empty()) next_summary_ = 0;
        break;
      case Note::Kind::kDead:
        ++dead_letters_;
        metrics_.Lost();
        if (++deaths_told_ > kDeathsTold) {
          ++deaths_untold_;
          break;
        }
        TellDead(note);
        break;
      case Note::Kind::kPaused:
        around_.log.Error("endpoint paused: it answered that it is gone; change its entry to resume it",
                          {{"endpoint", endpoint_.name}, {"reason", note.text}, {"pending", pending}});
        runtime::Spawn(around_.executor, tasks_, StorePause(note.text));
        break;
      case Note::Kind::kSuperseded:
        TellSuperseded(note);
        break;
    }
  }
}

std::chrono::nanoseconds EndpointRunner::OldestPending() const {
  std::int64_t recorded = core_.OldestRecorded();
  if (recorded == 0 && core_.pending() > 0 && oldest_for_ == core_.scan()) recorded = oldest_recorded_;
  if (recorded == 0) return {};
  return std::chrono::nanoseconds(std::max<std::int64_t>(1, Now().wall - recorded));
}

void EndpointRunner::Tick() {
  const bool unknown = core_.pending() > 0 && core_.OldestRecorded() == 0 && oldest_for_ != core_.scan();
  if (unknown && !finding_oldest_ && !stopping_ && core_.scan() < around_.ring.head()) {
    StartTask(finding_oldest_, FindOldest());
  }
  // A page that waits for an endpoint that does not go on is shared by nobody: it is read again when wanted.
  if (!std::exchange(page_used_, false)) page_ = {};
  TellTrouble();
  Show();

  const Ticks now = Now().ticks;
  if (next_summary_ == 0 || now < next_summary_) return;
  next_summary_ = now + kSummaryInterval;
  deaths_told_ = 0;
  const auto oldest = std::chrono::duration_cast<std::chrono::seconds>(OldestPending());
  around_.log.Warn("endpoint keeps failing", {{"endpoint", endpoint_.name},
                                              {"error", core_.last_error().empty() ? trouble_ : core_.last_error()},
                                              {"pending", std::to_string(core_.pending())},
                                              {"oldest", std::to_string(oldest.count()) + "s"},
                                              {"waiting", std::to_string(core_.parked())},
                                              {"dead_untold", std::to_string(std::exchange(deaths_untold_, 0))}});
}

void EndpointRunner::Show() {
  EndpointMetrics::Levels levels;
  levels.pending = core_.pending();
  levels.dead_letters = dead_letters_;
  levels.parked = static_cast<std::int64_t>(core_.parked());
  levels.in_flight = core_.in_flight();
  levels.window = core_.window();
  levels.oldest_pending_seconds = std::chrono::duration<double>(OldestPending()).count();
  levels.breaker = core_.breaker().state();
  metrics_.Show(levels);
}

EndpointStatus EndpointRunner::Status() const {
  EndpointStatus status;
  status.name = endpoint_.name;
  status.type = endpoint_.type();
  status.url = config::PlaceOf(endpoint_);
  status.breaker = core_.breaker().state();
  status.paused = !core_.paused().empty();
  status.reason = core_.last_error().empty() ? trouble_ : core_.last_error();
  if (core_.held_by_parking()) {
    status.reason = "maxparked reached: " + std::to_string(core_.parked()) +
                    (core_.policy().collapses ? " tags" : " repositories") + " wait for another attempt";
  }
  if (status.paused) status.reason = core_.paused();
  status.pending = core_.pending();
  status.pending_is_estimate = recounting_ || counting_;
  status.oldest_pending = OldestPending();
  status.parked_lanes = static_cast<std::int64_t>(core_.parked());
  status.in_flight = core_.in_flight();
  status.dead_letters = dead_letters_;
  metrics_.Describe(status);
  return status;
}

}  // namespace portcall::broker
