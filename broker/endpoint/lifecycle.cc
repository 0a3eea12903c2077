#include "broker/endpoint/lifecycle.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "broker/endpoint/retry.h"
#include "runtime/time.h"
#include "store/endpoints.h"
#include "store/event_log.h"
#include "store/filters.h"

namespace portcall::broker {
namespace {

// Events may be large and endpoints many: what is found sooner or later anyway is looked for so long at most.
constexpr std::chrono::milliseconds kLooking(200);

struct Stored {
  std::vector<store::Cursor> cursors;
  store::Seq head = 0, tail = 0;
};

const store::Cursor* FindLive(const std::vector<store::Cursor>& cursors, const std::string& endpoint) {
  const auto at = std::ranges::find_if(
      cursors, [&](const store::Cursor& c) { return c.kind == store::CursorKind::kLive && c.endpoint == endpoint; });
  return at == cursors.end() ? nullptr : &*at;
}

Result<store::Seq> StartOf(store::Snapshot& s, const config::Endpoint& entry, const Stored& stored) {
  if (entry.from.empty() || entry.from == "latest") return stored.head;
  if (entry.from == "earliest") return stored.tail - 1;
  const auto time = runtime::ParseRfc3339(entry.from);
  if (!time) {
    return Error(Errc::kInvalid, "endpoint " + entry.name + ": from: '" + entry.from +
                                     "' is neither latest, earliest nor a time such as 2026-01-31T08:00:00Z");
  }
  return store::FirstSince(s, *time) - 1;
}

// The cursor of each endpoint that is wanted: its own, the one it takes over, or a new one.
Result<std::vector<Opened>> Assign(store::Snapshot& s, const config::Config& config, const Stored& stored) {
  std::vector<Opened> wanted;
  for (const config::Endpoint& entry : config.endpoints) {
    if (entry.disabled) continue;
    Opened opened;
    opened.endpoint = entry;
    const store::Cursor* cursor = FindLive(stored.cursors, entry.name);
    if (cursor == nullptr && !entry.was.empty()) cursor = FindLive(stored.cursors, entry.was);
    if (cursor != nullptr) {
      opened.cursor = *cursor;
    } else {
      const Result<store::Seq> from = StartOf(s, entry, stored);
      if (!from) return from.error();
      store::Cursor& fresh = opened.cursor;
      fresh.from = fresh.through = fresh.settled_through = *from;
      fresh.fingerprint = Filter(entry).fingerprint();
      const auto removed =
          std::ranges::find(stored.cursors.rbegin(), stored.cursors.rend(), entry.name, &store::Cursor::endpoint);
      // The sink goes on where the removed endpoint's stood.
      if (removed != stored.cursors.rend()) fresh.receipt = removed->receipt;
    }
    opened.cursor.endpoint = entry.name;
    wanted.push_back(std::move(opened));
  }
  return wanted;
}

Result<void> CheckHead(const Stored& stored) {
  for (const store::Cursor& cursor : stored.cursors) {
    if (cursor.settled_through <= stored.head) continue;
    return Error(Errc::kInvalid, "the cursor of endpoint " + cursor.endpoint + " stands at event " +
                                     std::to_string(cursor.settled_through) + ", but the log ends at " +
                                     std::to_string(stored.head) +
                                     ": the database is damaged or only partly restored; restore a whole backup");
  }
  return {};
}

bool IsStoredAs(const Stored& stored, const store::Cursor& cursor) {
  return std::ranges::any_of(stored.cursors, [&](const store::Cursor& other) {
    return other.id == cursor.id && other.endpoint == cursor.endpoint;
  });
}

// What happened to the endpoints since they were last started, for the audit log.
std::vector<std::string> ChangesOf(store::Snapshot& s, const Stored& stored, const std::vector<Opened>& wanted) {
  std::vector<std::string> changes;
  for (const Opened& opened : wanted) {
    const config::Endpoint& entry = opened.endpoint;
    const auto state = store::FindEndpoint(s, entry.name);
    const bool known = std::ranges::any_of(
        stored.cursors, [&](const store::Cursor& c) { return c.id == opened.cursor.id && opened.cursor.id != 0; });
    const std::string what =
        "endpoint " + entry.name + " (" + std::string(entry.type()) + ", " + config::PlaceOf(entry) + ")";
    if (!known) {
      changes.push_back(what + " added");
    } else if (!IsStoredAs(stored, opened.cursor)) {
      changes.push_back(what + " took over from " + entry.was);
    } else if (state && !state->fingerprint.empty() && state->fingerprint != entry.fingerprint) {
      changes.push_back(what + " changed" + (state->paused && !state->by_operator ? " and resumed" : ""));
    }
  }
  for (const store::Cursor& cursor : stored.cursors) {
    const bool kept = std::ranges::any_of(wanted, [&](const Opened& o) { return o.cursor.id == cursor.id; });
    if (cursor.kind == store::CursorKind::kLive && !kept) {
      changes.push_back("endpoint " + cursor.endpoint + " removed or disabled, with " +
                        std::to_string(cursor.matched - cursor.settled) + " events pending");
    }
  }
  return changes;
}

void StoreCursors(store::Tx& tx, const Stored& stored, std::vector<Opened>& wanted) {
  for (Opened& opened : wanted) {
    if (!IsStoredAs(stored, opened.cursor)) opened.cursor.id = store::PutCursor(tx, opened.cursor);
  }
  for (store::Cursor cursor : stored.cursors) {
    const bool kept = std::ranges::any_of(wanted, [&](const Opened& o) { return o.cursor.id == cursor.id; });
    if (cursor.kind != store::CursorKind::kLive || kept) continue;
    cursor.kind = store::CursorKind::kRemoved;
    cursor.through = stored.head;
    store::PutCursor(tx, cursor);
  }
}

// Whatever is not settled yet is judged with the entry's filter from now on; so that it can be told later, too.
void StoreFilters(store::Tx& tx, const std::vector<Opened>& wanted) {
  for (const Opened& opened : wanted) {
    const store::Cursor& cursor = opened.cursor;
    store::ChangeFilter(tx, cursor.id, cursor.settled_through, Filter(opened.endpoint).fingerprint());
  }
}

// What is known of an endpoint. An operator's pause goes with the cursor to the name that takes it over, and no pause
// stays behind with a name that has none.
std::optional<store::EndpointState> TakeState(store::Tx& tx, const Opened& opened, const Stored& stored) {
  const std::string& name = opened.endpoint.name;
  auto state = store::FindEndpoint(store::ReadIn(tx), name);
  const auto before = std::ranges::find(stored.cursors, opened.cursor.id, &store::Cursor::id);
  if (before == stored.cursors.end() || before->endpoint == name) return state;
  auto left = store::FindEndpoint(store::ReadIn(tx), before->endpoint);
  if (!left || !left->paused) return state;
  store::PutEndpoint(tx, {left->name, false, {}, left->fingerprint});
  if (!left->by_operator) return state;
  left->name = name;
  left->fingerprint = state ? state->fingerprint : std::string();
  store::PutEndpoint(tx, *left);
  return left;
}

// Remembers the entry as it is started, so that a later change of it can be told, and ends a pause of its
// predecessor, unless an operator wants it.
void Remember(store::Tx& tx, Opened& opened, const Stored& stored) {
  const config::Endpoint& entry = opened.endpoint;
  const auto state = TakeState(tx, opened, stored);
  const bool same = state && state->fingerprint == entry.fingerprint;
  if (state && state->paused && (same || state->by_operator)) {
    opened.paused = state->reason.empty() ? "paused" : state->reason;
    opened.paused_by_operator = state->by_operator;
    opened.paused_since = state->since;
  }
  if (same) return;
  store::EndpointState next{entry.name, false, {}, entry.fingerprint};
  if (state && state->by_operator) {
    next = *state;
    next.fingerprint = entry.fingerprint;
  } else if (state && state->paused) {
    opened.was_failing = true;
  }
  store::PutEndpoint(tx, next);
}

void LoadRows(store::Snapshot& s, const std::vector<std::string>& running, std::vector<Opened>& endpoints) {
  for (Opened& opened : endpoints) {
    if (std::ranges::find(running, opened.endpoint.name) != running.end()) continue;
    opened.parked = store::LoadParked(s, opened.cursor.id);
    opened.dead_letters = store::CountDead(s, opened.endpoint.name);
  }
}

// Those that are finished go, the others are moved as far as one look shows that nobody needs them. The next sweep does
// that for those that there was no time to look at.
Result<std::vector<Orphan>> OpenOrphans(store::Tx& tx, const std::vector<Opened>& wanted) {
  std::vector<std::int64_t> live;
  live.reserve(wanted.size());
  for (const Opened& opened : wanted) live.push_back(opened.cursor.id);
  std::vector<Orphan> orphans = LoadOrphans(store::ReadIn(tx), live);
  const auto until = std::chrono::steady_clock::now() + kLooking;
  for (Orphan& orphan : orphans) {
    if (std::chrono::steady_clock::now() >= until) break;
    if (auto passed = PassFirstPage(tx, orphan); !passed) return passed.error();
  }
  store::DropFinished(tx);
  std::erase_if(orphans, [](const Orphan& orphan) { return orphan.finished(); });
  return orphans;
}

// Names whose endpoint starts anew beside what it had left.
std::vector<std::string> ReturnedOf(const std::vector<Opened>& wanted, const std::vector<Orphan>& orphans,
                                    const Stored& stored) {
  std::vector<std::string> returned;
  for (const Opened& opened : wanted) {
    const std::string& name = opened.endpoint.name;
    const bool fresh = std::ranges::find(stored.cursors, opened.cursor.id, &store::Cursor::id) == stored.cursors.end();
    if (fresh && std::ranges::find(orphans, name, &Orphan::name) != orphans.end()) returned.push_back(name);
  }
  return returned;
}

Result<Endpoints> Change(store::Tx& tx, const config::Config& config, const std::vector<std::string>& running) {
  store::Snapshot& s = store::ReadIn(tx);
  const Stored stored{store::LoadCursors(s), store::Head(s), store::Tail(s)};
  if (auto checked = CheckHead(stored); !checked) return checked.error();
  Endpoints endpoints;
  auto wanted = Assign(s, config, stored);
  if (!wanted) return wanted.error();
  endpoints.open = std::move(*wanted);
  if (config.audits()) {
    for (const std::string& change : ChangesOf(s, stored, endpoints.open)) {
      store::Append(tx, store::SystemEvent(store::Action::kEndpoint, change));
    }
  }
  StoreCursors(tx, stored, endpoints.open);
  StoreFilters(tx, endpoints.open);
  for (Opened& opened : endpoints.open) Remember(tx, opened, stored);
  LoadRows(s, running, endpoints.open);
  auto orphans = OpenOrphans(tx, endpoints.open);
  if (!orphans) return orphans.error();
  endpoints.orphans = std::move(*orphans);
  endpoints.returned = ReturnedOf(endpoints.open, endpoints.orphans, stored);
  return endpoints;
}

// Not known also when the filter wants none of the next events: a start must not search the whole log.
std::optional<std::int64_t> OldestWanted(store::Snapshot& s, const Opened& opened) {
  const Filter filter(opened.endpoint, opened.cursor.id);
  const store::Seq after = opened.cursor.settled_through;
  for (const store::EventPtr& event : store::ReadEvents(s, after, store::Head(s), kGlance).events) {
    if (filter.Wants(*event)) return event->recorded_at;
  }
  return std::nullopt;
}

}  // namespace

Result<Endpoints> OpenEndpoints(store::Store& store, const config::Config& config,
                                const std::vector<std::string>& running) {
  return WriteSurely(store, [&](store::Tx& tx) { return Change(tx, config, running); });
}

void FindAges(store::Store& store, std::vector<Opened>& endpoints) {
  const auto until = std::chrono::steady_clock::now() + kLooking;
  (void)store.ReadNow([&](store::Snapshot& s) -> Result<bool> {
    std::map<std::pair<store::Seq, std::string>, std::optional<std::int64_t>> known;  // by place and filter
    for (Opened& opened : endpoints) {
      if (std::chrono::steady_clock::now() >= until) break;
      const auto [at, added] =
          known.try_emplace({opened.cursor.settled_through, Filter(opened.endpoint).fingerprint()}, std::nullopt);
      if (added) at->second = OldestWanted(s, opened);
      opened.oldest_recorded = at->second;
    }
    return true;
  });
}

}  // namespace portcall::broker
