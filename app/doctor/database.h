#pragma once

#include "app/doctor/installation.h"
#include "app/doctor/looks.h"

namespace portcall::app {

// Of the database's content, for `patience` at most, and the size of its log; of a database that is there.
runtime::Findings LookAtContent(const Installation& it, std::chrono::milliseconds patience);
// Room on the volumes of the database and the data folder, and of the write-ahead log.
runtime::Findings LookAtRoom(const Installation& it);
// The clock against the newest event's time, in ns since 1970.
runtime::Finding JudgeClock(std::int64_t now, std::int64_t newest);

std::vector<Look> DatabaseLooks(const std::shared_ptr<const Installation>& it);

}  // namespace portcall::app
