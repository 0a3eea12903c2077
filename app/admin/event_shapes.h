#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/status.h"
#include "broker/trace.h"
#include "store/attempt_log.h"
#include "store/event_log.h"

namespace portcall::app {

// The JSON of events, as openapi.json describes it.

// With how endpoints are now, as far as that tells why an event waits.
std::string TraceJson(const broker::Trace& trace, const std::vector<broker::EndpointStatus>& now);
// `next`: before which seq the next page ends, 0: there is none.
std::string EventsJson(const store::Portion& page, store::Seq next);
// `names`: of the cursors' endpoints.
std::string AttemptsJson(const store::AttemptsPage& page, const std::map<std::int64_t, std::string>& names);

}  // namespace portcall::app
