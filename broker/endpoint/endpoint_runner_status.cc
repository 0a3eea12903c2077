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
