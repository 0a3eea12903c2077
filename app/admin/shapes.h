#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/control.h"
#include "broker/status.h"
#include "runtime/result.h"
#include "store/dead_letters.h"

namespace portcall::app {

// The JSON of the API, as openapi.json describes it. What is not there is null, never left out, so that every shape has
// the same members always. Nothing here is secret: URLs, reasons and answers come without.

std::string EndpointsJson(const std::vector<broker::EndpointStatus>& all);
// `orphan`: what an earlier endpoint of that name has left beside it, or null.
std::string EndpointJson(const broker::EndpointStatus& status, const broker::EndpointStatus* orphan);
// `next`: after which number the next page begins, 0: there is none.
std::string DeadLettersJson(const std::vector<store::DeadLetter>& letters, std::int64_t next);
std::string DeadLetterJson(const store::DeadLetter& dead);  // with its answer
std::string EndedDeadJson(const broker::EndedDead& ended);

// RFC 9457; the status is the error's.
int StatusOf(Errc code);
std::string ProblemJson(int status, std::string_view detail);

}  // namespace portcall::app
