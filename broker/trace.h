#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"
#include "store/attempts.h"
#include "store/capability.h"
#include "store/event.h"

namespace portcall::broker {

// What became of one event at one endpoint.
enum class Fate : std::uint8_t {
  kDelivered,
  kSuperseded,  // a later push of the tag went in its place
  kFiltered,    // the endpoint's filter does not want it
  kPending,     // it waits for its turn, or is being sent
  kParked,      // an attempt has failed, and it waits for the next one
  kDead,        // it has a dead letter
  kExpired,     // it was in a range that the full log gave up
  kGivenUp,     // attempts failed, and no dead letter of it is left
  kNotAsked,    // the endpoint began after it
  kSentAgain,   // its dead letter was, as the event that `detail` names
  kUnknown,     // nothing is recorded of it any more
};
std::string_view WordOf(Fate fate);  // delivered, superseded, …, not asked, unknown

struct Verdict {
  std::string endpoint;
  bool removed = false;  // its entry is gone or disabled: nothing is sent any more
  Fate fate = Fate::kUnknown;
  std::string detail;         // why, in a line
  std::int64_t at = 0;        // wall clock, ns: when it was delivered, superseded or given up; 0: not known
  std::int64_t until = 0;     // parked: when the next attempt is due, as far as the event's own delay goes
  std::int64_t attempts = 0;  // made so far, as far as that is recorded
  int status = 0;             // of the last one; HTTP, 0: none
  std::int64_t latency_us = 0;
  std::string by;                        // superseded: the other event's id
  store::Seq behind = 0;                 // the event of its lane that must be settled before it
  std::int64_t dead_letter = 0;          // its number
  std::string answer;                    // of the dead letter: the last one
  std::vector<store::AttemptRow> tries;  // the newest of those that are recorded, the oldest first
};

struct Trace {
  store::Seq seq = 0;
  store::EventPtr event;  // null: it is neither in the log nor in a dead letter any more
  bool in_log = false;
  std::int64_t history = 0;       // when the oldest attempt was made that is still recorded; ns, 0: none is
  std::vector<Verdict> verdicts;  // one for each endpoint that there is, and for removed ones that know the event
};

// The event that is meant, by its seq or its id, in the log or among dead letters; 0: by these it is not found. An id
// that tells another time than when it was recorded is looked for by ReadBackwards.
store::Seq SeqOf(store::Snapshot& s, std::string_view seq_or_id);
// What is recorded of it, in one state of the store: reads a few rows for each endpoint, whatever the log's length.
// `goes_on` is asked before each endpoint: those that are left then are unknown. kNotFound: no event has had that seq.
Result<Trace> TraceEvent(store::Snapshot& s, store::Seq seq, const std::function<bool()>& goes_on = {});

}  // namespace portcall::broker
