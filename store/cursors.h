#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace portcall::store {

// Endpoint state (DELIVERY.md §2–§5): cursors over the log and their exceptions.

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
  std::string receipt;                    // the newest that its sink gave, which alone can read it
};

// A lane whose next event waits: its events from next_seq up to the cursor's settled_through are unsettled.
struct ParkedLane {
  std::string lane;  // as broker::LaneOf makes it
  Seq next_seq = 0;
  int attempts = 0;
  std::int64_t due = 0;          // wall clock, ns
  std::int64_t age = 0;          // ns in which it could be delivered since its first attempt; maxage bounds it
  std::string reason;            // last failure, or "in flight"
  std::int64_t recorded_at = 0;  // the least that it can be of the next event, 0: unknown
};

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

struct AttemptRow {
  Seq seq = 0;               // of a batch: the first
  std::int64_t at = 0;       // ns
  std::int32_t events = 1;   // settled by this attempt (a row of successes may stand for many)
  std::int32_t attempt = 1;  // which one of this event
  bool delivered = false;
  std::int32_t status = 0;  // HTTP; 0: none
  std::int64_t latency_us = 0;
  std::string error;  // empty when delivered
};

// What one flush changes, in one transaction. A range of `dead` that begins where the cursor's last expired range ends
// is added to that one.
struct Settlement {
  std::int64_t cursor = 0;
  Seq settled_through = 0, through = 0;
  std::int64_t matched = 0, settled = 0;  // absolute
  std::string receipt;                    // empty: as it was
  std::vector<ParkedLane> park;           // insert or replace
  std::vector<std::string> unpark;
  std::vector<DeadLetter> dead;
  std::vector<AttemptRow> attempts;
};
void Apply(Tx& tx, const Settlement& settlement);

std::vector<Cursor> LoadCursors(Snapshot& s);
std::vector<ParkedLane> LoadParked(Snapshot& s, std::int64_t cursor);
std::int64_t PutCursor(Tx& tx, const Cursor& cursor);  // id 0: insert; the id
void DropCursor(Tx& tx, std::int64_t cursor);          // with its lanes; dead letters stay
std::int64_t CountDead(Snapshot& s, std::string_view endpoint);
std::vector<DeadLetter> ListDead(Snapshot& s, std::string_view endpoint, std::int64_t after_id, std::size_t limit);
bool DropDead(Tx& tx, std::int64_t id);  // one dead letter; false: there is none
// The attempts recorded under exactly this seq, oldest first.
std::vector<AttemptRow> ListAttempts(Snapshot& s, std::int64_t cursor, Seq seq, std::size_t limit);
// Keeps attempts younger than `before` and at most `rows`; dead letters younger than `dead_before` and `dead_bytes`.
struct Trimmed {
  std::size_t attempts = 0, dead = 0;  // rows that went
};
Trimmed TrimHistory(Tx& tx, std::int64_t attempts_before, std::int64_t rows, std::int64_t dead_before,
                    std::int64_t dead_bytes, std::size_t limit);

// What is remembered of an endpoint beyond its cursors.
struct EndpointState {
  std::string name;
  bool paused = false;
  std::string reason;       // why it is paused
  std::string fingerprint;  // of its entry as it was last started, or paused: a changed entry resumes
};
std::optional<EndpointState> FindEndpoint(Snapshot& s, std::string_view name);
std::optional<EndpointState> FindEndpoint(Tx& tx, std::string_view name);
void PutEndpoint(Tx& tx, const EndpointState& state);

}  // namespace portcall::store
