#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "store/cursors.h"
#include "store/event_log.h"
#include "store/retention.h"
#include "tests/support/temp_dir.h"

namespace portcall::broker {

// What scripted sinks saw, for the test's thread.
class Receiver {
 public:
  using Answer = std::function<sinks::Outcome(const store::Event&)>;

  static sinks::Outcome Accept();
  static sinks::Outcome Fail(int status = 503);

  void Set(Answer answer);
  sinks::Outcome Take(const store::Event& event);
  // Waits until `count` events were accepted.
  bool Await(std::size_t count, std::chrono::seconds patience = std::chrono::seconds(20));
  std::vector<store::Seq> accepted() const;
  std::vector<std::string> ids() const;
  std::string receipt() const;  // that its sink was last opened with
  void Opened(const std::string& receipt);
  void Hold(bool held);  // attempts do not end meanwhile
  bool held() const { return held_.load(); }
  void SetTrouble(const std::string& text);
  std::string trouble() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Answer answer_;
  std::vector<store::Seq> accepted_;
  std::vector<std::string> ids_;
  std::string trouble_, receipt_;
  std::atomic<bool> held_ = false;
};

// The system's clock, further ahead by what a test adds.
class ShiftedClock final : public runtime::Clock {
 public:
  runtime::WallTime Now() const override {
    return runtime::SystemClock().Now() + runtime::Nanos(shift_.load() + wall_.load());
  }
  runtime::SteadyTime Ticks() const override { return runtime::SystemClock().Ticks() + runtime::Nanos(shift_.load()); }
  void Advance(runtime::Nanos by) { shift_ += by.count(); }
  void SetWallAhead(runtime::Nanos by) { wall_ = by.count(); }  // no time passes

 private:
  std::atomic<std::int64_t> shift_ = 0, wall_ = 0;
};

// A real store in a folder of its own, and a broker over it whose sinks are scripted.
class World {
 public:
  static constexpr int kPipelined = 5'000;  // events at a time, of a lane too

  explicit World(runtime::Level level = runtime::Level::kFatal);
  ~World();

  config::Endpoint Entry(const std::string& name);
  config::Endpoint Pipelined(const std::string& name);  // its sink takes kPipelined
  Result<void> Start(std::vector<config::Endpoint> endpoints);
  Result<void> Apply(std::vector<config::Endpoint> endpoints);
  void Stop();                                // the broker
  void HideNextOutcome() { hidden_ = true; }  // of whatever is written next
  // Called on the store's thread, once: when the next write is on the disk, and before whoever wrote it learns of that.
  void AfterNextWrite(std::function<void()> call);
  void Append(const std::string& repository, int count = 1, store::Action action = store::Action::kPush);
  Receiver& receiver(const std::string& name) { return receivers_[name]; }
  EndpointStatus StatusOf(const std::string& name) const;
  std::vector<EndpointStatus> AllOf(const std::string& name) const;  // every entry of the name
  std::vector<store::Cursor> Cursors();
  std::vector<store::DeadLetter> Dead(const std::string& name);
  std::int64_t Attempts(const std::string& name, store::Seq seq);  // how many are recorded
  store::LogSize Size();
  std::int64_t Rows();  // how many events there are
  ShiftedClock& clock() { return clock_; }
  config::EventsConfig events;                    // of the files that follow
  std::chrono::milliseconds sweep_interval{500};  // of the brokers that follow
  int connections = 1'000'000;                    // likewise
  std::string details, tag, digest;               // of the events that follow
  std::shared_future<void> disk;                  // answers for the files of an endpoint with the url "disk"
  store::Store& store() { return *store_; }
  runtime::Loop& loop() { return *loop_; }
  Broker& broker() { return *broker_; }
  std::string Metrics() const { return metrics_->Text(); }
  void ForgetMetrics() { metrics_ = std::make_unique<runtime::Metrics>(); }  // as a new process; while it is stopped
  // Asks until it is so.
  bool Eventually(const std::function<bool()>& condition, std::chrono::seconds patience = std::chrono::seconds(20));

 private:
  config::ConfigPtr Config(std::vector<config::Endpoint> endpoints);
  bool HidesOutcome();
  std::atomic<bool> hidden_ = false;
  std::mutex mutex_;
  std::function<void()> after_write_;
  testing::TempDir folder_;
  runtime::Log log_;
  ShiftedClock clock_;
  std::unique_ptr<runtime::Metrics> metrics_ = std::make_unique<runtime::Metrics>();
  asio::thread_pool pool_{4};
  runtime::Lanes lanes_;
  std::unique_ptr<store::Store> store_;
  std::map<std::string, Receiver> receivers_;
  std::unique_ptr<runtime::Loop> loop_;
  std::unique_ptr<Broker> broker_;
};

}  // namespace portcall::broker
