#pragma once

#include "broker/core/decisions.h"
#include "store/event_log.h"

namespace portcall::broker {

// What `read` asks for of a lane. Looks at a bounded number of events, so `through` may be less than was asked. Inside
// a read job.
LanePage ReadLanePage(store::Snapshot& snapshot, const LaneRead& read);

}  // namespace portcall::broker
