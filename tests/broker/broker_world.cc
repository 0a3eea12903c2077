#include "tests/broker/broker_world.h"

#include <boost/asio/basic_waitable_timer.hpp>
#include <stdexcept>
#include <thread>

#include "tests/support/kinds.h"

namespace portcall::broker {
namespace {

using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

class ScriptedSink final : public sinks::Sink {
 public:
  ScriptedSink(Receiver& receiver, Executor executor, const config::Endpoint& entry)
      : receiver_(receiver), executor_(executor) {
    capacity_.pipelines_lanes = entry.concurrency == World::kPipelined;
    capacity_.window = static_cast<std::size_t>(entry.concurrency);
  }

  sinks::Capacity capacity() const override { return capacity_; }
  void Open(const std::string& receipt) override { receiver_.Opened(receipt); }

  Task<sinks::Outcome> Deliver(sinks::Batch batch) override {
    co_await asio::post(executor_, use_task);
    const int interrupts = interrupts_;
    while (receiver_.held() && interrupts == interrupts_ && !aborted_) {
      Timer timer(executor_, std::chrono::milliseconds(2));
      co_await timer.async_wait(nothrow);
    }
    if (interrupts != interrupts_ || aborted_) co_return sinks::Outcome{};
    co_return receiver_.Take(*batch.events.front());
  }
  void Interrupt() override { ++interrupts_; }
  void Abort() override { aborted_ = true; }
  std::string Trouble() const override { return receiver_.trouble(); }

 private:
  Receiver& receiver_;
  Executor executor_;
  sinks::Capacity capacity_;
  int interrupts_ = 0;
  bool aborted_ = false;
};

}  // namespace

sinks::Outcome Receiver::Accept() {
  sinks::Outcome outcome;
  outcome.verdict = sinks::Verdict::kDelivered;
  outcome.status = 200;
  outcome.status_text = "200 OK";
  return outcome;
}

sinks::Outcome Receiver::Fail(int status) {
  sinks::Outcome outcome;
  outcome.verdict = status == 410   ? sinks::Verdict::kGone
                    : status == 400 ? sinks::Verdict::kRejected
                                    : sinks::Verdict::kFailed;
  outcome.status = status;
  outcome.status_text = std::to_string(status);
  outcome.error = "answered " + std::to_string(status);
  return outcome;
}

void Receiver::Set(Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

sinks::Outcome Receiver::Take(const store::Event& event) {
  const std::lock_guard lock(mutex_);
  sinks::Outcome outcome = answer_ ? answer_(event) : Accept();
  if (outcome.verdict == sinks::Verdict::kDelivered) {
    accepted_.push_back(event.seq);
    ids_.push_back(event.id);
    changed_.notify_all();
  }
  return outcome;
}

bool Receiver::Await(std::size_t count, std::chrono::seconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return accepted_.size() >= count; });
}

std::vector<store::Seq> Receiver::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

std::vector<std::string> Receiver::ids() const {
  const std::lock_guard lock(mutex_);
  return ids_;
}

std::string Receiver::receipt() const {
  const std::lock_guard lock(mutex_);
  return receipt_;
}

void Receiver::Opened(const std::string& receipt) {
  const std::lock_guard lock(mutex_);
  receipt_ = receipt;
}

void Receiver::Hold(bool held) { held_.store(held); }

void Receiver::SetTrouble(const std::string& text) {
  const std::lock_guard lock(mutex_);
  trouble_ = text;
}

std::string Receiver::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

World::World(runtime::Level level) : log_({level, "text", {}}) {
  store::StoreOptions options;
  options.database = folder_.File("portcall.db");
  options.reserve_bytes = 0;
  options.provocations.run_jobs_twice = true;
  options.provocations.hide_outcome = [this] { return HidesOutcome(); };
  auto opened = store::Store::Open(std::move(options), pool_);
  if (!opened) throw std::runtime_error(opened.error().detail);
  store_ = std::move(*opened);
}

void World::AfterNextWrite(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  after_write_ = std::move(call);
}

bool World::HidesOutcome() {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    call = std::exchange(after_write_, nullptr);
  }
  if (call) call();
  return hidden_.exchange(false);
}

World::~World() {
  Stop();
  store_->Close();
  lanes_.Await(std::chrono::steady_clock::time_point::max());
  pool_.join();
}

config::Endpoint World::Entry(const std::string& name) {
  config::Endpoint endpoint = testing::EndpointOf("webhook");
  endpoint.name = name;
  endpoint.fingerprint = "of " + name;
  endpoint.url = "http://user:secret@receiver/hook?token=secret";
  endpoint.backoff = config::Millis(50);
  endpoint.max_backoff = config::Millis(200);
  return endpoint;
}

config::Endpoint World::Pipelined(const std::string& name) {
  config::Endpoint endpoint = Entry(name);
  endpoint.concurrency = kPipelined;
  return endpoint;
}

config::ConfigPtr World::Config(std::vector<config::Endpoint> endpoints) {
  auto config = std::make_shared<config::Config>();
  config->events = events;
  config->endpoints = std::move(endpoints);
  config->storage.root_directory = folder_.path().string();
  return config;
}

Result<void> World::Start(std::vector<config::Endpoint> endpoints) {
  loop_ = std::make_unique<runtime::Loop>("broker");
  BrokerDeps deps{*store_, *loop_, lanes_, log_, *metrics_, clock_};
  deps.sweep_interval = sweep_interval;
  deps.connections = connections;
  deps.make_sink = [this](const config::Endpoint& entry) -> Result<std::unique_ptr<sinks::Sink>> {
    if (entry.url == "bad") return Error(Errc::kInvalid, "bad url");
    if (entry.url == "disk") disk.wait();
    return std::unique_ptr<sinks::Sink>(
        std::make_unique<ScriptedSink>(receivers_[entry.name], loop_->executor(), entry));
  };
  auto started = Broker::Start(std::move(deps), Config(std::move(endpoints)));
  if (!started) return started.error();
  broker_ = std::move(*started);
  return {};
}

Result<void> World::Apply(std::vector<config::Endpoint> endpoints) {
  return broker_->Apply(Config(std::move(endpoints)));
}

void World::Stop() {
  if (broker_) broker_->Stop(std::chrono::milliseconds(200));
  broker_.reset();
  loop_.reset();
  log_.Flush();
}

void World::Append(const std::string& repository, int count, store::Action action) {
  const auto appended = store_->WriteNow([&](store::Tx& tx) -> Result<bool> {
    for (int i = 0; i < count; ++i) {
      store::Event event;
      event.action = action;
      event.kind = store::Kind::kManifest;
      event.repository = repository;
      event.media_type = "application/vnd.oci.image.manifest.v1+json";
      event.details = details;
      event.tag = tag;
      event.digest = digest;
      store::Append(tx, std::move(event));
    }
    return true;
  });
  if (!appended) throw std::runtime_error(appended.error().detail);
}

EndpointStatus World::StatusOf(const std::string& name) const {
  for (EndpointStatus& status : broker_->Status()) {
    if (status.name == name) return status;
  }
  throw std::runtime_error("no endpoint " + name);
}

std::vector<EndpointStatus> World::AllOf(const std::string& name) const {
  std::vector<EndpointStatus> all = broker_->Status();
  std::erase_if(all, [&](const EndpointStatus& status) { return status.name != name; });
  return all;
}

std::vector<store::Cursor> World::Cursors() {
  return *store_->ReadNow(
      [](store::Snapshot& s) -> Result<std::vector<store::Cursor>> { return store::LoadCursors(s); });
}

std::int64_t World::Attempts(const std::string& name, store::Seq seq) {
  return *store_->ReadNow([&](store::Snapshot& s) -> Result<std::int64_t> {
    for (const store::Cursor& cursor : store::LoadCursors(s)) {
      if (cursor.endpoint == name) return static_cast<std::int64_t>(ListAttempts(s, cursor.id, seq, 100)->size());
    }
    return -1;
  });
}

store::LogSize World::Size() {
  return *store_->ReadNow([](store::Snapshot& s) -> Result<store::LogSize> { return store::SizeOf(s); });
}

std::int64_t World::Rows() {
  return *store_->ReadNow([](store::Snapshot& s) -> Result<std::int64_t> {
    return static_cast<std::int64_t>(store::ReadEvents(s, 0, store::Head(s), {SIZE_MAX}).events.size());
  });
}

std::vector<store::DeadLetter> World::Dead(const std::string& name) {
  return *store_->ReadNow(
      [&](store::Snapshot& s) -> Result<std::vector<store::DeadLetter>> { return store::ListDead(s, name, 0, 1'000); });
}

bool World::Eventually(const std::function<bool()>& condition, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace portcall::broker
