#include "broker/operator_acts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/endpoint/retry.h"
#include "config/reader/scalars.h"
#include "runtime/failpoint.h"
#include "store/endpoints.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

Error Unknown(const std::string& what, const std::string& name, const std::vector<std::string_view>& names) {
  return {Errc::kNotFound, "no " + what + " " + config::Quoted(name) + config::DidYouMean(name, names)};
}

store::Event EventOf(const std::string& name, const std::string& what, const std::string& by) {
  return store::SystemEvent(store::Action::kEndpoint, "endpoint " + name + " " + what, by);
}

}  // namespace

OperatorActs::OperatorActs(const Surroundings& around, const Sweeper::Runners& runners, Orphans& orphans,
                           Sweeper& sweeper, ChangeTurns& turns, std::function<config::ConfigPtr()> config)
    : around_(around),
      calls_(around.executor),
      runners_(runners),
      orphans_(orphans),
      sweeper_(sweeper),
      turns_(turns),
      config_(std::move(config)) {}

OperatorActs::Known OperatorActs::Look() const {
  return calls_.On([this] { return Known{config_(), orphans_.Left()}; });
}

// An endpoint that stands still has no runner, and counts.
Result<void> OperatorActs::IsInUse(const Known& known, const std::string& name) const {
  std::vector<std::string_view> names;
  for (const config::Endpoint& entry : known.config->endpoints) {
    if (entry.name == name && !entry.disabled) return {};
    if (entry.name == name) {
      return Error(Errc::kConflict, "endpoint " + config::Quoted(name) + " is disabled in the configuration");
    }
    names.push_back(entry.name);
  }
  if (known.left.contains(name)) {
    return Error(Errc::kConflict, "endpoint " + config::Quoted(name) +
                                      " is no longer in the configuration: nothing is sent of what it has left");
  }
  return Unknown("endpoint", name, names);
}

EndpointRunner* OperatorActs::RunnerOf(const std::string& name) const {
  const auto found = std::ranges::find(runners_, name, [](const auto& runner) { return runner->endpoint().name; });
  return found == runners_.end() ? nullptr : found->get();
}

// False: it was so before, and nothing is told.
Result<bool> OperatorActs::Change(const std::string& name, bool audited, const store::Event& event,
                                  const std::function<void(store::EndpointState&)>& change) {
  runtime::Failpoint("before-operator");
  auto job = [&](store::Tx& tx) -> Result<bool> {
    auto before = store::FindEndpoint(store::ReadIn(tx), name);
    store::EndpointState state = before.value_or(store::EndpointState{.name = name, .reason = {}, .fingerprint = {}});
    change(state);
    if (before == state) return false;
    store::PutEndpoint(tx, state);
    if (audited) store::Append(tx, event);
    return true;
  };
  Result<bool> changed = WriteSurely(around_.store, job);
  runtime::Failpoint("after-operator");
  return changed;
}

// Where it is not known whether a pause or its end was stored, the endpoint does what is stored, as it would after a
// restart.
Error OperatorActs::Unsure(const std::string& name, const Error& error) {
  if (error.code != Errc::kOutcomeUnknown) return error;
  const auto stored = around_.store.ReadNow(
      [&](store::Snapshot& s) -> Result<std::optional<store::EndpointState>> { return store::FindEndpoint(s, name); });
  if (!stored || !*stored) return error;
  const store::EndpointState& state = **stored;
  calls_.On([&] {
    EndpointRunner* runner = RunnerOf(name);
    if (runner == nullptr) return;
    if (state.paused && state.by_operator) runner->Pause(state.reason, state.since);
    const EndpointStatus status = runner->Status();
    if (!state.paused && status.paused && state.since > status.since) runner->Resume();
  });
  return error;
}

Result<void> OperatorActs::Pause(const std::string& name, std::string reason, const std::string& by) {
  const ChangeTurns::Turn turn(turns_, ChangeTurns::kPatience);
  if (!turn) return ChangeTurns::Busy();
  const Known known = Look();
  if (auto in_use = IsInUse(known, name); !in_use) return in_use;
  reason = reason.empty() ? "by " + by : std::move(reason) + " (by " + by + ")";
  const std::int64_t now = Read(around_.clock).wall;
  std::int64_t since = now;
  const auto pause = [&](store::EndpointState& state) {
    const bool same = state.paused && state.by_operator && state.reason == reason;
    since = same ? state.since : now;
    state = {state.name, true, reason, state.fingerprint, true, since};
  };
  const auto changed = Change(name, known.config->audits(), EventOf(name, "paused: " + reason, by), pause);
  if (!changed) return Unsure(name, changed.error());
  calls_.On([&] {
    if (EndpointRunner* runner = RunnerOf(name)) runner->Pause(reason, since);
  });
  around_.log.Warn("endpoint paused by an operator", {{"endpoint", name}, {"reason", reason}});
  return {};
}

Result<bool> OperatorActs::Resume(const std::string& name, const std::string& by) {
  const ChangeTurns::Turn turn(turns_, ChangeTurns::kPatience);
  if (!turn) return ChangeTurns::Busy();
  const Known known = Look();
  if (auto in_use = IsInUse(known, name); !in_use) return in_use.error();
  // A 410's pause may not be stored yet, where the disk is full: then its own write sees that this came later.
  struct Seen {
    bool runs = false, paused = false;
    std::int64_t now = 0;
  };
  const Seen seen = calls_.On([&] {
    const std::int64_t now = Read(around_.clock).wall;
    const EndpointRunner* runner = RunnerOf(name);
    if (runner == nullptr) return Seen{false, false, now};
    const EndpointStatus status = runner->Status();
    return Seen{true, status.paused, std::max(now, status.since + 1)};
  });
  // A 410 that comes after the look is none that this ends, neither on the disk nor in the runner.
  const auto resume = [&](store::EndpointState& state) {
    const bool stored = state.paused && (state.by_operator || !seen.runs);
    if (seen.paused || stored) state = {state.name, false, {}, state.fingerprint, false, seen.now};
  };
  const auto changed = Change(name, known.config->audits(), EventOf(name, "resumed", by), resume);
  if (!changed) return Unsure(name, changed.error());
  calls_.On([&] {
    EndpointRunner* runner = seen.paused ? RunnerOf(name) : nullptr;
    if (runner != nullptr) runner->Resume();
  });
  const bool was_paused = seen.paused || *changed;
  if (was_paused) around_.log.Info("endpoint resumed by an operator", {{"endpoint", name}, {"by", by}});
  return was_paused;
}

// Between two sweeps, which move the same cursors.
Task<> OperatorActs::GiveUp(const std::string& name, const config::Config& config, const store::Event& event,
                            Result<std::size_t>& given_up) {
  const bool known = std::ranges::find(config.endpoints, name, &config::Endpoint::name) != config.endpoints.end();
  const bool audited = config.audits();
  co_await sweeper_.Hold();
  auto job = [&](store::Tx& tx) -> Result<std::size_t> {
    const std::size_t cursors = store::GiveUpRemoved(tx, name);
    auto state = store::FindEndpoint(store::ReadIn(tx), name);
    // Nobody could see a pause that is left, nor end it, until an endpoint of that name comes back.
    if (!known && state && state->paused) store::PutEndpoint(tx, {name, false, {}, state->fingerprint});
    if (cursors > 0 && audited) store::Append(tx, event);
    return cursors;
  };
  given_up = co_await around_.store.Write(job, store::Priority::kSettlement);
  if (given_up) orphans_.Forget(name);
  sweeper_.Release();
}

Result<std::int64_t> OperatorActs::Drop(const std::string& name, const std::string& by) {
  const ChangeTurns::Turn turn(turns_, ChangeTurns::kPatience);
  if (!turn) return ChangeTurns::Busy();
  const Known known = Look();
  const auto left = known.left.find(name);
  if (left == known.left.end()) {
    if (IsInUse(known, name)) {
      return Error(Errc::kConflict, "endpoint " + config::Quoted(name) +
                                        " is in the configuration: only what a removed one has left can be dropped");
    }
    std::vector<std::string_view> names;
    names.reserve(known.left.size());
    for (const auto& [other, pending] : known.left) names.push_back(other);
    return Unknown("removed endpoint with a backlog is called", name, names);
  }
  const std::int64_t pending = left->second;
  const store::Event event = EventOf(name, "dropped, with " + std::to_string(pending) + " events pending", by);
  runtime::Failpoint("before-operator");
  Result<std::size_t> given_up = std::size_t{0};
  calls_.Run(GiveUp(name, *known.config, event, given_up));
  if (!given_up) return given_up.error();
  runtime::Failpoint("after-operator");
  around_.log.Warn("the backlog of a removed endpoint was dropped by an operator",
                   {{"endpoint", name}, {"pending", std::to_string(pending)}, {"by", by}});
  return pending;
}

}  // namespace portcall::broker
