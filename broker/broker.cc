#include "broker/broker.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <optional>

#include "broker/endpoint/endpoint_runner.h"
#include "broker/endpoint/lifecycle.h"
#include "broker/endpoint/sink_maker.h"
#include "broker/read_clock.h"
#include "broker/sweeper.h"
#include "runtime/http/resolver.h"
#include "sinks/kind.h"
#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr std::chrono::milliseconds kTick{500};
// What a reload waits for attempts to end, and for files before that.
constexpr std::chrono::milliseconds kReloadGrace{2'000}, kReloadPatience{1'000};
constexpr std::chrono::milliseconds kSweepPatience{500};  // what it waits for a sweep to end
// What large events in flight may take in all endpoints together, beyond the room that each has for itself.
constexpr std::size_t kInFlightOfAll = 256 << 20;
constexpr std::chrono::minutes kStartPatience(1);  // nothing is served before, so whoever starts it sees that it hangs

Task<> Announce(Task<> task, std::shared_ptr<std::promise<void>> ended) {
  co_await std::move(task);
  ended->set_value();
}

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
  std::vector<EndpointStatus> Status() const;
  void Stop(std::chrono::milliseconds grace);
  bool LogIsFull() const { return sweeper_.full(); }

 private:
  // Runs `f` on the loop and waits for it. Must not be called on the loop's own thread.
  template <class F>
  auto OnLoop(F f) const;
  std::future<void> StartOnLoop(Task<> task, runtime::Gate& gate);
  void RunOnLoop(Task<> task);
  bool RunOnLoopFor(Task<> task, std::chrono::milliseconds patience);
  void OnAppended(const std::vector<store::EventPtr>& events);  // on a thread of the store
  void DriveAll();
  void Publish(store::Event event);
  Task<> AppendEvent(store::Event event);
  SinkMaker::MakeOne MakeOne();
  Result<MadeSinks> MakeNewSinks(const config::Config& config, std::chrono::milliseconds patience);
  bool Keeps(const EndpointRunner& runner, const config::Config& config) const;
  void TellIdle(const Opened& opened) const;
  void Adopt(Endpoints endpoints, Sinks& sinks);
  Task<> StopRunners(const config::Config* keep, runtime::SteadyTime until);
  Task<> StopAll(runtime::SteadyTime until);
  Task<> Tend();
  void Show();
  void ShowOrphans();

  const BrokerDeps deps_;
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
  Timer ticker_;
  bool stopping_ = false;
  std::atomic<std::size_t> appended_ = 0;  // bytes that the sweeper has not been told of
  std::atomic<bool> stopped_ = false;
  store::Subscription heard_;
};

Broker::Impl::Impl(BrokerDeps deps, config::ConfigPtr config, store::Seq head)
    : deps_(std::move(deps)),
      config_(std::move(config)),
      ring_(head),
      reader_(deps_.store, deps_.loop.executor()),
      around_{deps_.store, ring_, reader_, deps_.loop.executor(), deps_.log, deps_.metrics, deps_.clock},
      sink_maker_(deps_.lanes, MakeOne()),
      orphans_(around_),
      sweeper_(around_, runners_, orphans_, gate_, deps_.sweep_interval),
      ticker_(deps_.loop.executor()) {}

SinkMaker::MakeOne Broker::Impl::MakeOne() {
  if (deps_.make_sink) return deps_.make_sink;
  const sinks::Surroundings around{deps_.loop.executor(), resolver_, deps_.log, deps_.lanes,
                                   [this](store::Event event) { Publish(std::move(event)); }};
  return [around](const config::Endpoint& entry) { return sinks::MakeSink(entry, around); };
}

template <class F>
auto Broker::Impl::OnLoop(F f) const {
  using R = std::invoke_result_t<F&>;
  const Executor executor = deps_.loop.executor();
  if (executor.running_in_this_thread()) return f();
  std::packaged_task<R()> task(std::move(f));
  std::future<R> done = task.get_future();
  asio::post(executor, std::move(task));
  return done.get();
}

std::future<void> Broker::Impl::StartOnLoop(Task<> task, runtime::Gate& gate) {
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  OnLoop([&] { runtime::Spawn(deps_.loop.executor(), gate, Announce(std::move(task), std::move(ended))); });
  return end;
}

// Runs `task` on the loop and waits for its end.
void Broker::Impl::RunOnLoop(Task<> task) {
  runtime::Gate gate;
  StartOnLoop(std::move(task), gate).wait();
  OnLoop([] {});  // waits until the task has left the gate, too
}

// False: it has not ended within `patience`, and goes on.
bool Broker::Impl::RunOnLoopFor(Task<> task, std::chrono::milliseconds patience) {
  return StartOnLoop(std::move(task), gate_).wait_for(patience) == std::future_status::ready;
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
  OnLoop([&] { sweeper_.Configure(*config_); });
  RunOnLoop(sweeper_.Look());
  OnLoop([&] {
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
  std::vector<config::Endpoint> entries = OnLoop([&] {
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
  for (const auto& runner : runners_) runner->LimitInFlight(kInFlightOfAll / runners_.size());
  DriveAll();
  Show();  // the first look at the gauges may come before the first tick
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
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  const auto grace = std::max(left, std::chrono::milliseconds(0));
  runtime::Gate stops;
  for (auto& runner : going) runtime::Spawn(deps_.loop.executor(), stops, runner->Stop(grace));
  stops.Close();
  co_await stops.Drained();
}

Result<void> Broker::Impl::Apply(config::ConfigPtr config) {
  Result<MadeSinks> made = MakeNewSinks(*config, kReloadPatience);
  if (!made) return made.error();
  if (made->refusal) return *made->refusal;
  if (!RunOnLoopFor(sweeper_.Hold(), kSweepPatience)) {
    OnLoop([&] {
      made->sinks.clear();
      sweeper_.Release();
    });
    return Error(Errc::kTimeout, "the database takes too long to answer");
  }
  RunOnLoop(StopRunners(config.get(), std::chrono::steady_clock::now() + kReloadGrace));
  const std::vector<std::string> running = OnLoop([&] {
    std::vector<std::string> names;
    names.reserve(runners_.size());
    for (const auto& runner : runners_) names.push_back(runner->endpoint().name);
    return names;
  });
  auto endpoints = OpenEndpoints(deps_.store, *config, running);
  if (!endpoints) {
    // Back to what ran before, as far as the store allows.
    OnLoop([&] { made->sinks.clear(); });
    Result<MadeSinks> again = MakeNewSinks(*config_, kReloadPatience);
    if (again) made = std::move(again);
    auto before = OpenEndpoints(deps_.store, *config_, running);
    OnLoop([&] {
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
  OnLoop([&] {
    config_ = std::move(config);
    sweeper_.Configure(*config_);
    Adopt(std::move(*endpoints), made->sinks);
    sweeper_.Release();
  });
  return {};
}

std::vector<EndpointStatus> Broker::Impl::Status() const {
  return OnLoop([this] {
    std::vector<EndpointStatus> all;
    all.reserve(runners_.size());
    for (const auto& runner : runners_) all.push_back(runner->Status());
    orphans_.AddTo(all, *config_);
    return all;
  });
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

void Broker::Impl::ShowOrphans() {
  std::vector<std::string> running;
  running.reserve(runners_.size());
  for (const auto& runner : runners_) running.push_back(runner->endpoint().name);
  orphans_.Show(running, *config_);
}

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
  RunOnLoop(StopAll(std::chrono::steady_clock::now() + grace));
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
std::vector<EndpointStatus> Broker::Status() const { return impl_->Status(); }
bool Broker::LogIsFull() const { return impl_->LogIsFull(); }
void Broker::Stop(std::chrono::milliseconds grace) { impl_->Stop(grace); }

}  // namespace portcall::broker
