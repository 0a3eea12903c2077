#pragma once

#include <string>
#include <vector>

#include "broker/endpoint/endpoint_runner.h"
#include "broker/endpoint/orphan.h"
#include "config/config.h"
#include "store/store.h"

namespace portcall::broker {

struct Endpoints {
  std::vector<Opened> open;
  std::vector<Orphan> orphans;        // unfinished
  std::vector<std::string> returned;  // names that start anew beside an orphan of their own
};

// Brings the stored cursors in line with the file's endpoints (docs/delivery.md §5): new ones begin at `latest` or at
// `from`, `was` takes over, what is no longer there becomes an orphan, or goes where nothing of it is left. One
// transaction, so that an error leaves everything as it was; blocks. Rows are not loaded for the names in `running`,
// whose runners go on. kInvalid: a cursor stands beyond the log's head, or `from` is no time.
Result<Endpoints> OpenEndpoints(store::Store& store, const config::Config& config,
                                const std::vector<std::string>& running = {});

// Fills in when the next event that each wants was recorded, as far as one short look shows. Blocks. Endpoints do
// without it: they find it a moment after their start.
void FindAges(store::Store& store, std::vector<Opened>& endpoints);

}  // namespace portcall::broker
