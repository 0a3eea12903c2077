#include "broker/broker.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "broker/endpoint/endpoint_runner.h"
#include "broker/endpoint/lifecycle.h"
#include "broker/endpoint/sink_maker.h"
#include "broker/figures.h"
#include "broker/loop_calls.h"
#include "broker/operator_acts.h"
#include "broker/read_clock.h"
#include "broker/share_out.h"
#include "broker/sweeper.h"
#include "runtime/http/resolver.h"
#include "runtime/left_until.h"
#include "sinks/kind.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr std::chrono::milliseconds kTick{500};
// What a reload waits for attempts to end, and for files before that.
constexpr std::chrono::milliseconds kReloadGrace{2'000}, kReloadPatience{1'000};
constexpr std::chrono::milliseconds kStorePatience{1'000};  // what it waits for a sweep to end, and for the disk
// What large events in flight may take in all endpoints together, beyond the room that each has for itself.
constexpr std::size_t kInFlightOfAll = 256 << 20;
constexpr std::chrono::minutes kStartPatience(1);  // nothing is served before, so whoever starts it sees that it hangs

bool Runs(const EndpointRunner& runner, const config::Endpoint& entry) {
  const config::Endpoint& running = runner.endpoint();
  return !runner.lost() && running.name == entry.name && running.fingerprint == entry.fingerprint &&
         running.tls_content == entry.tls_content;
}

}  // namespace

class Broker::Impl {
 public:
  Impl(BrokerDeps deps, config::ConfigPtr config, store::Seq head);

  Result<void> Begin();
  Result<void> Apply(config::ConfigPtr config);
  OperatorActs& acts() { return acts_; }
  std::vector<EndpointStatus> Status() { return figures_.Fresh(); }
  void Stop(std::chrono::milliseconds grace);
  bool LogIsFull() const { return sweeper_.full(); }

 private:
  void OnAppended(const std::vector<store::EventPtr>& events);  // on a thread of the store
  void DriveAll();
  void Publish(store::Event event);
  Task<> AppendEvent(store::Event event);
  SinkMaker::MakeOne MakeOne();
  Result<MadeSinks> MakeNewSinks(const config::Config& config, std::chrono::milliseconds patience);
  bool Keeps(const EndpointRunner& runner, const config::Config& config) const;
  void TellIdle(const Opened& opened) const;
  void Adopt(Endpoints endpoints, Sinks& sinks);
  void ShareLimits();
  Result<void> Change(config::ConfigPtr config);
  Result<void> GetReady();
  Task<> StopRunners(const config::Config* keep, runtime::SteadyTime until);
  Task<> StopAll(runtime::SteadyTime until);
  Task<> Tend();
  void Show();
  void ShowOrphans();
  std::vector<std::string> Running() const;
  Figures::Look Look();

  const BrokerDeps deps_;
  const LoopCalls calls_;
  config::ConfigPtr config_;
  EventRing ring_;
  http::Resolver resolver_;
  CatchUpReader reader_;
  Surroundings around_;
  Sweeper::Runners runners_;
  struct Left {
    bool failing = false;
    std::optional<std::int64_t> oldest_recorded;
  };
  std::map<std::int64_t, Left> left_;  // by cursor: how its runner was when a reload stopped it
  SinkMaker sink_maker_;
  runtime::Gate gate_;
  Orphans orphans_;
  Sweeper sweeper_;
  ChangeTurns turns_;
  OperatorActs acts_;
  Figures figures_;
  Timer ticker_;
  bool stopping_ = false;
  std::atomic<std::size_t> appended_ = 0;  // bytes that the sweeper has not been told of
  std::atomic<bool> stopped_ = false;
  store::Subscription heard_;
};

Broker::Impl::Impl(BrokerDeps deps, config::ConfigPtr config, store::Seq head)
    : deps_(std::move(deps)),
      calls_(deps_.loop.executor()),
      config_(std::move(config)),
      ring_(head),
      reader_(deps_.store, deps_.loop.executor()),
      around_{deps_.store, ring_, reader_, deps_.loop.executor(), deps_.log, deps_.metrics, deps_.clock},
      sink_maker_(deps_.lanes, MakeOne()),
      orphans_(around_),
      sweeper_(around_, runners_, orphans_, gate_, deps_.sweep_interval),
      acts_(around_, runners_, orphans_, sweeper_, turns_, [this] { return config_; }),
      figures_(deps_.loop.executor(), [this] { return Look(); }),
      ticker_(deps_.loop.executor()) {}

SinkMaker::MakeOne Broker::Impl::MakeOne() {
  if (deps_.make_sink) return deps_.make_sink;
  const sinks::Surroundings around{deps_.loop.executor(), resolver_, deps_.log, deps_.lanes,
                                   [this](store::Event event) { Publish(std::move(event)); }};
  return [around](const config::Endpoint& entry) { return sinks::MakeSink(entry, around); };
}

Result<void> Broker::Impl::Begin() {
  Result<MadeSinks> made = MakeNewSinks(*config_, kStartPatience);
  if (!made) return made.error();
  if (made->refusal) return *made->refusal;
  heard_ = deps_.store.Subscribe([this](const std::vector<store::EventPtr>& events) { OnAppended(events); });
  if (auto seen = ReadNewest(ring_, deps_.store); !seen) return seen;  // what came before
  auto endpoints = OpenEndpoints(deps_.store, *config_);
  if (!endpoints) return endpoints.error();
  FindAges(deps_.store, endpoints->open);
  calls_.On([&] { sweeper_.Configure(*config_); });
  calls_.Run(sweeper_.Look());
  calls_.On([&] {
    Adopt(std::move(*endpoints), made->sinks);
    sweeper_.Start();
    runtime::Spawn(deps_.loop.executor(), gate_, Tend());
  });
  return {};
}

// Appends a sink's own event. It is lost if the process ends first or the store refuses it, which is logged.
void Broker::Impl::Publish(store::Event event) {
  runtime::Spawn(deps_.loop.executor(), gate_, AppendEvent(std::move(event)));
}

Task<> Broker::Impl::AppendEvent(store::Event event) {
  auto job = [&event](store::Tx& tx) -> Result<store::Seq> { return store::Append(tx, event); };
  const Result<store::Seq> appended = co_await deps_.store.Write(job, store::Priority::kSettlement);
  if (appended) co_return;
  deps_.log.Error("an event could not be recorded",
                  {{"action", std::string(store::NameOf(event.action))}, {"error", appended.error().detail}});
}

void Broker::Impl::OnAppended(const std::vector<store::EventPtr>& events) {
  std::size_t bytes = 0;
  for (const store::EventPtr& event : events) bytes += store::BytesOf(*event);
  reader_.large_events().Remember(events);
  appended_.fetch_add(bytes, std::memory_order_relaxed);
  if (!ring_.Append(events)) return;  // the loop has been told already, and will take these along
  asio::post(deps_.loop.executor(), [this] {
    ring_.Awake();
    DriveAll();
    sweeper_.Grown(appended_.exchange(0, std::memory_order_relaxed));
  });
}

void Broker::Impl::DriveAll() {
  for (const auto& runner : runners_) runner->Drive();
}

bool Broker::Impl::Keeps(const EndpointRunner& runner, const config::Config& config) const {
  return std::ranges::any_of(config.endpoints,
                             [&](const config::Endpoint& entry) { return !entry.disabled && Runs(runner, entry); });
}

// The sinks of entries that are new or changed, as far as they can be made.
Result<MadeSinks> Broker::Impl::MakeNewSinks(const config::Config& config, std::chrono::milliseconds patience) {
  std::vector<config::Endpoint> entries = calls_.On([&] {
    std::vector<config::Endpoint> wanted;
    for (const config::Endpoint& entry : config.endpoints) {
      const auto runs = [&](const auto& runner) { return Runs(*runner, entry); };
      if (!entry.disabled && std::ranges::none_of(runners_, runs)) wanted.push_back(entry);
    }
    return wanted;
  });
  return sink_maker_.Make(std::move(entries), patience);
}

// After a reload that was undone, an endpoint may be left without a sink. Its cursor keeps its events.
void Broker::Impl::TellIdle(const Opened& opened) const {
  const auto runs = [&](const auto& runner) { return runner->endpoint().name == opened.endpoint.name; };
  if (std::ranges::any_of(runners_, runs)) return;
  deps_.log.Error("endpoint stands still after a refused reload; its events are kept: reload again or restart",
                  {{"endpoint", opened.endpoint.name}});
}

// Starts what is not running yet.
void Broker::Impl::Adopt(Endpoints endpoints, Sinks& sinks) {
  for (Opened& opened : endpoints.open) {
    const auto sink = sinks.find(opened.endpoint.name);
    if (sink == sinks.end()) {
      TellIdle(opened);
      continue;
    }
    if (const auto left = left_.find(opened.cursor.id); left != left_.end()) {
      opened.was_failing = opened.was_failing || left->second.failing;
      opened.oldest_recorded = left->second.oldest_recorded;
    }
    runners_.push_back(std::make_unique<EndpointRunner>(around_, std::move(opened), std::move(sink->second)));
  }
  for (const std::string& name : endpoints.returned) {
    deps_.log.Warn("endpoint starts at the newest event; what was pending when it was removed is kept aside",
                   {{"endpoint", name}});
  }
  orphans_.Adopt(std::move(endpoints.orphans));
  left_.clear();
  sinks.clear();
  ShareLimits();
  DriveAll();
  Show();  // the first look at the gauges may come before the first tick
}

// Among the runners that there are now.
void Broker::Impl::ShareLimits() {
  std::vector<int> wanted;
  for (const auto& runner : runners_) {
    const config::Endpoint& entry = runner->endpoint();
    wanted.push_back(entry.url.empty() ? 0 : std::max(1, entry.concurrency));
  }
  const std::vector<int> shares = ShareOut(deps_.connections, wanted);
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    runners_[i]->LimitInFlight(kInFlightOfAll / runners_.size());
    if (wanted[i] > 0) runners_[i]->LimitAttempts(shares[i]);
  }
  if (shares == wanted) return;
  const auto sum = [](const std::vector<int>& all) {
    return std::to_string(std::accumulate(all.begin(), all.end(), 0LL));
  };
  deps_.log.Warn(
      "endpoints make fewer attempts at once than their concurrency lets them, for lack of file descriptors: raise "
      "ulimit -n, LimitNOFILE=",
      {{"attempts", sum(shares)}, {"concurrency", sum(wanted)}});
}

// A loop that is busy may come to this late: the time that attempts have ends all the same.
Task<> Broker::Impl::StopRunners(const config::Config* keep, runtime::SteadyTime until) {
  std::vector<std::unique_ptr<EndpointRunner>> going;
  for (auto& runner : runners_) {
    if (keep != nullptr && Keeps(*runner, *keep)) continue;
    left_[runner->cursor()] = {runner->failing(), runner->OldestRecorded()};
    going.push_back(std::move(runner));
  }
  std::erase(runners_, nullptr);
  const std::chrono::milliseconds grace = runtime::LeftUntil(until);
  runtime::Gate stops;
  for (auto& runner : going) runtime::Spawn(deps_.loop.executor(), stops, runner->Stop(grace));
  stops.Close();
  co_await stops.Drained();
}

// No sweep is under way afterwards, and the disk has just answered: what follows cannot be taken back.
Result<void> Broker::Impl::GetReady() {
  auto touched = std::make_shared<Result<bool>>(true);
  if (!calls_.RunFor(sweeper_.HoldAndTouch(touched), gate_, kStorePatience)) {
    return Error(Errc::kTimeout, "the database takes too long to answer");
  }
  if (!*touched) return touched->error();
  return {};
}

Result<void> Broker::Impl::Apply(config::ConfigPtr config) {
  const ChangeTurns::Turn turn(turns_, kStorePatience);
  if (!turn) return Error(Errc::kTimeout, "what an operator does to an endpoint takes too long");
  return Change(std::move(config));
}

Result<void> Broker::Impl::Change(config::ConfigPtr config) {
  Result<MadeSinks> made = MakeNewSinks(*config, kReloadPatience);
  if (!made) return made.error();
  if (made->refusal) return *made->refusal;
  if (auto ready = GetReady(); !ready) {
    calls_.On([&] {
      made->sinks.clear();
      sweeper_.Release();
    });
    return ready;
  }
  calls_.Run(StopRunners(config.get(), std::chrono::steady_clock::now() + kReloadGrace));
  const std::vector<std::string> running = calls_.On([this] { return Running(); });
  auto endpoints = OpenEndpoints(deps_.store, *config, running);
  if (!endpoints) {
    // Back to what ran before, as far as the store allows.
    calls_.On([&] { made->sinks.clear(); });
    Result<MadeSinks> again = MakeNewSinks(*config_, kReloadPatience);
    if (again) made = std::move(again);
    auto before = OpenEndpoints(deps_.store, *config_, running);
    calls_.On([&] {
      if (before) {
        Adopt(std::move(*before), made->sinks);
      } else {
        deps_.log.Error("endpoints that were to change stand still, and all events are kept: reload again or restart",
                        {{"error", before.error().detail}});
      }
      made->sinks.clear();
      sweeper_.Release();
    });
    return endpoints.error();
  }
  calls_.On([&] {
    config_ = std::move(config);
    sweeper_.Configure(*config_);
    Adopt(std::move(*endpoints), made->sinks);
    sweeper_.Release();
  });
  return {};
}

Figures::Look Broker::Impl::Look() {
  Figures::Look look;
  look.status.reserve(runners_.size());
  for (const auto& runner : runners_) {
    look.status.push_back(runner->Status());
    look.counted = look.counted && runner->counted();
  }
  orphans_.AddTo(look.status, *config_);
  Show();
  return look;
}

Task<> Broker::Impl::Tend() {
  while (!stopping_) {
    ticker_.expires_after(kTick);
    co_await ticker_.async_wait(nothrow);
    if (stopping_) break;
    for (const auto& runner : runners_) runner->Tick();
    ShowOrphans();
  }
}

void Broker::Impl::Show() {
  for (const auto& runner : runners_) runner->Show();
  ShowOrphans();
}

std::vector<std::string> Broker::Impl::Running() const {
  std::vector<std::string> names;
  names.reserve(runners_.size());
  for (const auto& runner : runners_) names.push_back(runner->endpoint().name);
  return names;
}

void Broker::Impl::ShowOrphans() { orphans_.Show(Running(), *config_); }

Task<> Broker::Impl::StopAll(runtime::SteadyTime until) {
  stopping_ = true;
  reader_.EndAhead();
  sweeper_.End();
  ticker_.cancel();
  co_await StopRunners(nullptr, until);  // sinks may still publish meanwhile
  gate_.Close();
  co_await gate_.Drained();
  co_await reader_.Stop();
}

void Broker::Impl::Stop(std::chrono::milliseconds grace) {
  if (stopped_.exchange(true)) return;
  heard_ = {};
  calls_.Run(StopAll(std::chrono::steady_clock::now() + grace));
}

Result<std::unique_ptr<Broker>> Broker::Start(BrokerDeps deps, config::ConfigPtr config) {
  const Result<store::Seq> head =
      deps.store.ReadNow([](store::Snapshot& s) -> Result<store::Seq> { return store::Head(s); });
  if (!head) return head.error();
  std::unique_ptr<Broker> broker(new Broker(std::make_unique<Impl>(std::move(deps), std::move(config), *head)));
  if (auto begun = broker->impl_->Begin(); !begun) return begun.error();
  return broker;
}

Broker::Broker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Broker::~Broker() { impl_->Stop(std::chrono::milliseconds(0)); }

Result<void> Broker::Apply(config::ConfigPtr config) { return impl_->Apply(std::move(config)); }
Result<void> Broker::Pause(const std::string& name, const std::string& reason, const std::string& by) {
  return impl_->acts().Pause(name, reason, by);
}
Result<bool> Broker::Resume(const std::string& name, const std::string& by) { return impl_->acts().Resume(name, by); }
Result<std::int64_t> Broker::Drop(const std::string& name, const std::string& by) {
  return impl_->acts().Drop(name, by);
}
Result<EndedDead> Broker::DropDead(DeadIds ids, const std::string& by) { return impl_->acts().DropDead(ids, by); }
Result<EndedDead> Broker::RetryDead(DeadIds ids, const std::string& by) { return impl_->acts().RetryDead(ids, by); }
std::vector<EndpointStatus> Broker::Status() const { return impl_->Status(); }
void Broker::Show() { (void)impl_->Status(); }
bool Broker::LogIsFull() const { return impl_->LogIsFull(); }
void Broker::Stop(std::chrono::milliseconds grace) { impl_->Stop(grace); }

}  // namespace portcall::broker
