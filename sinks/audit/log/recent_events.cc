#include "sinks/audit/log/recent_events.h"

#include <deque>
#include <vector>

#include "sinks/audit/log/record.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

// Of a segment's end: enough for the records that are wanted, if they are of a usual size.
constexpr std::uint64_t kTail = 32ull << 20;

// Appends the events of a segment's last records before `end` (an offset before compression). Only where that is known
// is the beginning left out.
void ReadEnd(const Segment& segment, std::uint64_t end, std::deque<std::pair<std::int64_t, std::string>>& events) {
  const std::uint64_t from = !segment.compressed && end != UINT64_MAX && end > kTail ? end - kTail : 0;
  Result<LineReader> lines = LineReader::Open(segment, from);
  if (!lines) return;
  std::string_view line;
  while (lines->Next(line) == LineReader::Got::kLine && lines->offset() <= end) {
    const std::optional<Link> link = LinkOf(line);  // not of the half line that `from` may lie in
    if (!link) continue;
    events.emplace_back(link->SeqNumber(), link->recorded);
    if (events.size() > RecentEvents::kMost) events.pop_front();
  }
}

std::uint64_t EndOf(const Segment& segment) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(segment.file, error);
  return segment.compressed || error ? UINT64_MAX : size;
}

}  // namespace

RecentEvents RecentEvents::Load(const std::filesystem::path& folder, const Position& end) {
  RecentEvents recent;
  const Result<std::vector<Segment>> segments = ListSegments(folder);
  if (!segments) return recent;
  std::vector<std::deque<std::pair<std::int64_t, std::string>>> parts;  // from the newest segment on
  std::size_t count = 0;
  for (auto segment = segments->rbegin(); segment != segments->rend() && count < kMost; ++segment) {
    if (segment->first > end.segment) continue;
    parts.emplace_back();
    ReadEnd(*segment, segment->first == end.segment ? end.offset : EndOf(*segment), parts.back());
    count += parts.back().size();
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    for (auto& [seq, recorded] : *part) recent.Add(seq, std::move(recorded));
  }
  return recent;
}

bool RecentEvents::Contains(std::int64_t seq, std::string_view recorded) const {
  return keys_.contains({seq, recorded});
}

void RecentEvents::Add(std::int64_t seq, std::string recorded) {
  const auto& added = in_order_.emplace_back(seq, std::move(recorded));
  if (!keys_.emplace(added.first, added.second).second) return in_order_.pop_back();
  if (in_order_.size() <= kMost) return;
  keys_.erase({in_order_.front().first, in_order_.front().second});
  in_order_.pop_front();
}

}  // namespace portcall::sinks::audit
