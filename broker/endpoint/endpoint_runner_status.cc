#include <algorithm>
#include <utility>

#include "broker/endpoint/endpoint_runner.h"

// The part of EndpointRunner that operators see.
namespace portcall::broker {

void EndpointRunner::Tell(Moment now) {
  for (const Note& note : core_.TakeNotes()) {
    // What a stop cuts short is no failure of the endpoint's.
    if (note.kind == Note::Kind::kFailing && stopping_) continue;
    reporter_.Tell(note, now);
    if (note.kind == Note::Kind::kPaused) runtime::Spawn(around_.executor, tasks_, settler_.StorePause(note.text));
  }
}

std::chrono::nanoseconds EndpointRunner::OldestPending() const {
  const std::int64_t recorded = feeder_.OldestRecorded();
  if (recorded == 0) return {};
  return std::chrono::nanoseconds(std::max<std::int64_t>(1, Now().wall - recorded));
}

void EndpointRunner::Tick() {
  feeder_.Tick(!stopping_);
  if (!stopping_) reporter_.Trouble(sink_->Trouble(), Now());
  Show();
  reporter_.Summarize(OldestPending(), Now());
}

void EndpointRunner::Show() { reporter_.Show(OldestPending()); }

EndpointStatus EndpointRunner::Status() const {
  EndpointStatus status = reporter_.Status(OldestPending());
  status.pending_is_estimate = !counter_.quiet();
  return status;
}

}  // namespace portcall::broker
