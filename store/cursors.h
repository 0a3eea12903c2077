#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"
#include "store/attempts.h"
#include "store/capability.h"
#include "store/dead_letters.h"
#include "store/event.h"

namespace portcall::store {

// Cursors over the log, the lanes that wait behind them, and how both move (docs/delivery.md §2–§3).

enum class CursorKind : std::uint8_t { kLive = 0, kReplay = 1, kRemoved = 2 };

struct Cursor {
  std::int64_t id = 0;
  std::string endpoint;
  CursorKind kind = CursorKind::kLive;
  Seq from = 0;             // exclusive: the first event that may be sent is from+1
  Seq through = 0;          // live: how far events were counted in `matched`; else the last event of the range
  Seq settled_through = 0;  // everything up to here is delivered, filtered out, parked or dead
  std::int64_t matched = 0, settled = 0;  // pending = matched - settled
  std::string selection;                  // replay: what was asked for
  std::string fingerprint;                // of the filters that `matched` was counted with
  std::string receipt;                    // the newest that its sink gave; only the sink can read it
  std::int64_t settlements = 0;           // how many were made; Settle counts them
  std::string pace;                       // how its endpoint may be sent to; only the broker can read it
};

// A lane whose next event waits: its events from next_seq up to the cursor's settled_through are unsettled.
struct ParkedLane {
  std::string lane;  // a name of store/lane.h
  Seq next_seq = 0;
  int attempts = 0;
  std::int64_t due = 0;  // wall clock, ns
  std::int64_t age = 0;  // ns in which it could be delivered since its first attempt; maxage bounds it
  std::string reason;    // last failure, or "in flight"
  std::optional<std::int64_t> recorded_at = {};  // lower bound of the next event's, if it is known
  int probes = 0;            // of the attempts, those that were made while the endpoint was known to be away
  bool started = false;      // an attempt that must not be repeated may have left
  std::int64_t refused = 0;  // ns since its first refusal, without the time that the endpoint was away
  std::int64_t streak = 0;   // of refusals, that it was counted in; 0: it was not. Only the broker knows them
};

// What one flush changes. A range of `dead` that begins where the cursor's last expired range ends is added to that
// one.
struct Settlement {
  std::int64_t cursor = 0;
  std::int64_t number = 0;  // one more than the cursor's `settlements`
  Seq settled_through = 0, through = 0;
  std::int64_t matched = 0, settled = 0;  // absolute
  std::string receipt, fingerprint;       // empty: as it was
  std::string pace;                       // absolute
  std::vector<ParkedLane> park;           // insert or replace
  std::vector<std::string> unpark;
  std::vector<DeadLetter> dead;
  std::vector<AttemptRow> attempts;
};
// Once, however often it is asked for under the same number: whoever cannot know whether it was made asks again.
// kConflict: the cursor is gone, has other settlements, or another process has opened the database, which takes all
// cursors. Nothing was changed, and asking again will not help: whoever asked knows the cursor no more, and must load
// it anew before it goes on.
Result<void> Settle(Tx& tx, const Settlement& settlement);
// What that made of its cursor.
void Apply(const Settlement& settlement, Cursor& cursor);

std::vector<Cursor> LoadCursors(Snapshot& s);
std::vector<ParkedLane> LoadParked(Snapshot& s, std::int64_t cursor);
std::optional<ParkedLane> FindParked(Snapshot& s, std::int64_t cursor, std::string_view lane);
std::int64_t PutCursor(Tx& tx, const Cursor& cursor);  // id 0: insert; the id. Leaves `settlements` as it is.
void DropCursor(Tx& tx, std::int64_t cursor);          // with its lanes and filters; dead letters stay
// Cursors that are gone, of which attempts are still recorded, and whose they were; the oldest first.
struct DroppedCursor {
  std::int64_t id = 0;
  std::string endpoint;
};
std::vector<DroppedCursor> LoadDropped(Snapshot& s);
// Drops the cursors of removed endpoints of which nothing is unsettled, and returns how many. The newest of a name is
// kept while it holds a receipt and no live cursor has the name: an endpoint that comes back goes on from there.
std::size_t DropFinished(Tx& tx);
// Ends what removed endpoints of that name have left unsettled: it is settled from now on, and its cursors go as
// finished ones do. Dead letters stay. How many cursors had something.
std::size_t GiveUpRemoved(Tx& tx, std::string_view endpoint);
}  // namespace portcall::store
