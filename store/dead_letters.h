#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/capability.h"
#include "store/event_log.h"

namespace portcall::store {

// An event, or a range of them, that an endpoint wanted and did not get, and why (docs/delivery.md §4).
struct DeadLetter {
  std::int64_t id = 0;
  std::int64_t cursor = 0;
  std::string endpoint;
  Event event;              // its own copy; of a range, the first seq alone
  Seq through = 0;          // the last event of an expired range, 0: one event
  std::int64_t events = 1;  // how many it stands for
  int attempts = 0;
  std::int64_t died_at = 0;
  std::string reason;  // maxretries, maxage, rejected, outcome unknown, …
  std::string answer;  // the last one: status and capped, redacted body
};

// Rows of the endpoint; a range counts as one.
std::int64_t CountDead(Snapshot& s, std::string_view endpoint);
std::vector<DeadLetter> ListDead(Snapshot& s, std::string_view endpoint, std::int64_t after_id, std::size_t limit);
// Without details and answers, so that a page is small whatever the events are; `endpoint` empty: of all.
std::vector<DeadLetter> ListDeadBriefly(Snapshot& s, std::string_view endpoint, std::int64_t after_id,
                                        std::size_t limit);
std::optional<DeadLetter> FindDead(Snapshot& s, std::int64_t id);
// Those of one event, not of ranges, the oldest first: at most `limit` of them; by its seq, or by its id. Without the
// event's details.
std::vector<DeadLetter> ListDeadOf(Snapshot& s, Seq seq, std::size_t limit);
std::vector<DeadLetter> ListDeadOf(Snapshot& s, std::string_view event_id, std::size_t limit);
// The cursor's range that the event lies in, without what it was.
std::optional<DeadLetter> FindDeadRange(Snapshot& s, std::int64_t cursor, Seq seq);
std::int64_t BytesOfDead(Snapshot& s);   // all of them, a sum kept with each change
bool DropDead(Tx& tx, std::int64_t id);  // one dead letter; false: there is none
// Ends the dead letter by appending its event again, with its id, for that cursor alone. Not for ranges, which have no
// event. What is left of it is in Event::retrial.
void RetryDead(Tx& tx, const DeadLetter& dead, std::int64_t cursor);
struct TrimmedDead {
  std::map<std::string, std::size_t> rows;  // of each endpoint
  bool more = false;                        // the limit was reached: there may be more
};
// Keeps those that died after `before` and of these at most `bytes`, the newest; deletes as many others as the limit
// lets.
TrimmedDead TrimDead(Tx& tx, std::int64_t before, std::int64_t bytes, Limit limit);

}  // namespace portcall::store
