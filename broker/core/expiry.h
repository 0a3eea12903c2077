#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/filter.h"
#include "store/cursors.h"

namespace portcall::broker {

// What becomes of a cursor whose oldest unsettled events expire up to a place (docs/delivery.md §1). Pure: takes
// the log's events from first() to through() in order, and gives what is to be stored in one transaction.
class Expiry {
 public:
  // `rows` are the cursor's, as stored. Of a removed cursor nothing beyond its range expires.
  Expiry(const store::Cursor& cursor, std::vector<store::ParkedLane> rows, Filter filter, store::Seq through);

  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;

  store::Seq first() const { return first_; }
  store::Seq through() const { return through_; }
  // Whether the event expires: it is wanted and neither settled nor beyond the range.
  bool Take(const store::Event& event);
  std::int64_t expired() const { return expired_; }

  // What to store: the cursor past the range, rows of the lanes that go on, and one dead letter if anything expired.
  store::Settlement Finish(std::int64_t wall_now) const;
  // The cursor's rows once that is stored.
  std::vector<store::ParkedLane> RowsAfter(const store::Settlement& settlement) const;

 private:
  bool IsSettled(const store::Event& event) const;
  store::Cursor cursor_;
  std::vector<store::ParkedLane> rows_;
  std::unordered_map<std::string, const store::ParkedLane*> by_lane_;
  Filter filter_;
  store::Seq first_, through_;
  std::int64_t expired_ = 0, settled_before_ = 0, uncounted_ = 0;
};

}  // namespace portcall::broker
