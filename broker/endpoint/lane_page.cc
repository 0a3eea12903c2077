#include "broker/endpoint/lane_page.h"

#include <utility>

#include "broker/core/lane_key.h"

namespace portcall::broker {
namespace {

constexpr std::size_t kMaxScanned = 8'192;  // events of a repository that one query looks at for a tag's

}  // namespace

LanePage ReadLanePage(store::Snapshot& snapshot, const LaneRead& read) {
  LanePage page{{}, read.through};
  const LaneKey lane = LaneKey::Parse(read.key);
  if (lane.kind == LaneKey::Kind::kSingle && lane.seq > read.after) {
    if (auto event = store::FindEvent(snapshot, lane.seq)) page.events.push_back(std::move(event));
  }
  if (lane.kind == LaneKey::Kind::kSingle || lane.kind == LaneKey::Kind::kStrict) return page;
  store::Seq after = read.after;
  for (std::size_t scanned = 0; page.events.size() < read.limit; scanned += read.limit) {
    auto events = store::ReadLane(snapshot, lane.source, lane.repository, after, read.through, read.limit);
    if (events.empty()) return page;
    after = events.back()->seq;
    const bool last = events.size() < read.limit;
    for (store::EventPtr& event : events) {
      if (lane.Holds(*event)) page.events.push_back(std::move(event));
    }
    if (last) return page;
    if (scanned >= kMaxScanned) break;
  }
  page.through = after;
  return page;
}

}  // namespace portcall::broker
