#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "sinks/audit/log/position.h"

namespace portcall::sinks::audit {

// Which events the last records are of. After a crash, and after a write whose outcome came too late, events are
// delivered again that are recorded already; they are among the newest records, because no more than some 2,000 are on
// their way at a time. An event that is older than the newest record but not among these was never recorded.
class RecentEvents {
 public:
  static constexpr std::size_t kMost = 8'192;

  RecentEvents() = default;
  RecentEvents(RecentEvents&&) = default;
  RecentEvents& operator=(RecentEvents&&) = default;

  // Of the records before `end`. A record that cannot be read counts as none: its event would be recorded twice.
  static RecentEvents Load(const std::filesystem::path& folder, const Position& end);

  // `recorded` as in a record; a log that was begun anew gives the same numbers at other times.
  bool Contains(std::int64_t seq, std::string_view recorded) const;
  void Add(std::int64_t seq, std::string recorded);

 private:
  using Key = std::pair<std::int64_t, std::string>;
  std::list<Key> in_order_;
  std::set<std::pair<std::int64_t, std::string_view>> keys_;  // point into in_order_, whose elements do not move
};

}  // namespace portcall::sinks::audit
