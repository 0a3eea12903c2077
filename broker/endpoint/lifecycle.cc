#include "broker/endpoint/lifecycle.h"

#include <algorithm>
#include <utility>

#include "runtime/time.h"
#include "store/endpoints.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

struct Stored {
  std::vector<store::Cursor> cursors;
  store::Seq head = 0, tail = 0;
};

Result<Stored> Load(store::Snapshot& s) { return Stored{store::LoadCursors(s), store::Head(s), store::Tail(s)}; }

store::Cursor* FindLive(std::vector<store::Cursor>& cursors, const std::string& endpoint) {
  const auto at = std::ranges::find_if(
      cursors, [&](const store::Cursor& c) { return c.kind == store::CursorKind::kLive && c.endpoint == endpoint; });
  return at == cursors.end() ? nullptr : &*at;
}

Result<store::Seq> StartOf(store::Store& store, const config::Endpoint& entry, const Stored& stored) {
  if (entry.from.empty() || entry.from == "latest") return stored.head;
  if (entry.from == "earliest") return stored.tail - 1;
  const auto time = runtime::ParseRfc3339(entry.from);
  if (!time) {
    return Error(Errc::kInvalid, "endpoint " + entry.name + ": from: '" + entry.from +
                                     "' is neither latest, earliest nor a time such as 2026-01-31T08:00:00Z");
  }
  Result<store::Seq> first =
      store.ReadNow([&](store::Snapshot& s) -> Result<store::Seq> { return store::FirstSince(s, *time); });
  if (!first) return first.error();
  return *first - 1;
}

// The cursor of each endpoint that is wanted: its own, the one it takes over, or a new one.
Result<std::vector<Opened>> Assign(store::Store& store, const config::Config& config, Stored& stored,
                                   std::vector<std::string>& returned) {
  std::vector<Opened> wanted;
  for (const config::Endpoint& entry : config.endpoints) {
    if (entry.disabled) continue;
    Opened opened;
    opened.endpoint = entry;
    store::Cursor* cursor = FindLive(stored.cursors, entry.name);
    if (cursor == nullptr && !entry.was.empty()) cursor = FindLive(stored.cursors, entry.was);
    if (cursor != nullptr) {
      opened.cursor = *cursor;
    } else {
      const Result<store::Seq> from = StartOf(store, entry, stored);
      if (!from) return from.error();
      store::Cursor& fresh = opened.cursor;
      fresh.from = fresh.through = fresh.settled_through = *from;
      fresh.fingerprint = Filter(entry).fingerprint();
      const auto removed =
          std::ranges::find(stored.cursors.rbegin(), stored.cursors.rend(), entry.name, &store::Cursor::endpoint);
      if (removed != stored.cursors.rend()) {
        fresh.receipt = removed->receipt;  // the sink goes on where the removed endpoint's stood
        returned.push_back(entry.name);
      }
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
std::vector<std::string> ChangesOf(store::Tx& tx, const Stored& stored, const std::vector<Opened>& wanted) {
  std::vector<std::string> changes;
  for (const Opened& opened : wanted) {
    const config::Endpoint& entry = opened.endpoint;
    const auto state = store::FindEndpoint(tx, entry.name);
    const bool known = std::ranges::any_of(
        stored.cursors, [&](const store::Cursor& c) { return c.id == opened.cursor.id && opened.cursor.id != 0; });
    const std::string what =
        "endpoint " + entry.name + " (" + std::string(entry.type()) + ", " + config::PlaceOf(entry) + ")";
    if (!known) {
      changes.push_back(what + " added");
    } else if (!IsStoredAs(stored, opened.cursor)) {
      changes.push_back(what + " took over from " + entry.was);
    } else if (state && !state->fingerprint.empty() && state->fingerprint != entry.fingerprint) {
      changes.push_back(what + " changed" + (state->paused ? " and resumed" : ""));
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

// Remembers each entry as it is started, so that a later change of it can be told.
void RememberEntries(store::Tx& tx, const std::vector<Opened>& wanted) {
  for (const Opened& opened : wanted) {
    const std::string fingerprint = opened.endpoint.fingerprint;
    const auto state = store::FindEndpoint(tx, opened.endpoint.name);
    if (state && (state->paused || state->fingerprint == fingerprint)) continue;
    store::PutEndpoint(tx, {opened.endpoint.name, false, {}, fingerprint});
  }
}

// Writes what changed, and gives `wanted` their cursors as they are stored. A new cursor at `latest` begins at the head
// as it is inside the transaction.
Result<void> Store(store::Store& store, const Stored& stored, bool audited, std::vector<Opened>& wanted) {
  auto job = [&stored, audited, &wanted = std::as_const(wanted)](store::Tx& tx) -> Result<std::vector<store::Cursor>> {
    std::vector<store::Cursor> cursors;
    const store::Seq head = store::Head(tx);
    const std::vector<std::string> changes = audited ? ChangesOf(tx, stored, wanted) : std::vector<std::string>();
    for (const Opened& opened : wanted) {
      store::Cursor& cursor = cursors.emplace_back(opened.cursor);
      if (IsStoredAs(stored, cursor)) continue;  // it may be moving
      if (cursor.id == 0 && (opened.endpoint.from.empty() || opened.endpoint.from == "latest")) {
        cursor.from = cursor.through = cursor.settled_through = head;
      }
      cursor.id = store::PutCursor(tx, cursor);
    }
    for (store::Cursor cursor : stored.cursors) {
      const bool kept = std::ranges::any_of(wanted, [&](const Opened& o) { return o.cursor.id == cursor.id; });
      if (cursor.kind != store::CursorKind::kLive || kept) continue;
      cursor.kind = store::CursorKind::kRemoved;
      cursor.through = head;
      store::PutCursor(tx, cursor);
    }
    for (const std::string& change : changes) store::Append(tx, store::SystemEvent(store::Action::kEndpoint, change));
    RememberEntries(tx, wanted);
    return cursors;
  };
  Result<std::vector<store::Cursor>> cursors = store.WriteNow(job, store::Priority::kSettlement);
  if (!cursors) return cursors.error();
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i].cursor = std::move((*cursors)[i]);
  return {};
}

// Not known also when the filter wants none of the next events: a start must not search the whole log.
std::optional<std::int64_t> OldestWanted(store::Snapshot& s, const Opened& opened) {
  constexpr std::size_t kPage = 256;
  const Filter filter(opened.endpoint);
  const store::Seq after = opened.cursor.settled_through;
  for (const store::EventPtr& event : store::ReadEvents(s, after, store::Head(s), kPage)) {
    if (filter.Wants(*event)) return event->recorded_at;
  }
  return std::nullopt;
}

Result<bool> LoadRows(store::Snapshot& s, Endpoints& endpoints) {
  for (Opened& opened : endpoints.open) {
    opened.parked = store::LoadParked(s, opened.cursor.id);
    opened.dead_letters = store::CountDead(s, opened.endpoint.name);
    opened.oldest_recorded = OldestWanted(s, opened);
    const auto state = store::FindEndpoint(s, opened.endpoint.name);
    if (!state || !state->paused) continue;
    if (state->fingerprint == opened.endpoint.fingerprint) {
      opened.paused = state->reason.empty() ? "paused" : state->reason;
    } else {
      opened.was_failing = true;
      endpoints.resumed.push_back(opened.endpoint.name);
    }
  }
  for (const store::Cursor& cursor : store::LoadCursors(s)) {
    if (cursor.kind != store::CursorKind::kRemoved) continue;
    endpoints.orphans.push_back(LoadOrphan(s, cursor));
  }
  return true;
}

Result<Endpoints> OpenOnce(store::Store& store, const config::Config& config) {
  Result<Stored> stored = store.ReadNow(Load);
  if (!stored) return stored.error();
  if (auto checked = CheckHead(*stored); !checked) return checked.error();
  Endpoints endpoints;
  auto wanted = Assign(store, config, *stored, endpoints.returned);
  if (!wanted) return wanted.error();
  endpoints.open = std::move(*wanted);
  if (auto stored_now = Store(store, *stored, config.audits(), endpoints.open); !stored_now) return stored_now.error();
  auto rows = store.ReadNow([&](store::Snapshot& s) { return LoadRows(s, endpoints); });
  if (!rows) return rows.error();
  const auto passes = [](const Orphan& orphan) { return orphan.passing.has_value(); };
  if (endpoints.resumed.empty() && std::ranges::none_of(endpoints.orphans, passes)) return endpoints;
  auto resume = [&](store::Tx& tx) -> Result<bool> {
    if (auto passed = StorePassing(tx, endpoints.orphans); !passed) return passed.error();
    for (const Opened& opened : endpoints.open) {
      const std::string& name = opened.endpoint.name;
      if (std::ranges::find(endpoints.resumed, name) == endpoints.resumed.end()) continue;
      store::PutEndpoint(tx, {name, false, {}, opened.endpoint.fingerprint});
    }
    return true;
  };
  const Result<bool> resumed = store.WriteNow(resume, store::Priority::kSettlement);
  if (!resumed) return resumed.error();
  return endpoints;
}

}  // namespace

Result<Endpoints> OpenEndpoints(store::Store& store, const config::Config& config) {
  constexpr int kTries = 3;
  Result<Endpoints> opened = OpenOnce(store, config);
  // What was written, if it was, is found there the next time.
  for (int i = 1; i < kTries && !opened && opened.error().code == Errc::kOutcomeUnknown; ++i) {
    opened = OpenOnce(store, config);
  }
  return opened;
}

}  // namespace portcall::broker
