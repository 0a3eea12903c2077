// Folders on a volume that hangs: a call in one of them does not come back until the volume does.

#include <gmock/gmock.h>

#include <filesystem>
#include <future>
#include <stdexcept>

#include "sinks/audit/log/folder_lock.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/sink/audit_config.h"
#include "sinks/audit/sink/writer.h"
#include "sinks/kind.h"
#include "tests/sinks/audit/fixture.h"
#include "tests/support/kinds.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using audit::MakeEvent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The thread that writes in the folder is in a call that does not come back.
class HungFolder {
 public:
  HungFolder(runtime::Lanes& lanes, std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    auto of_folder = audit::FolderLanes::Of(lanes, path_);
    if (!of_folder) throw std::runtime_error(of_folder.error().detail);
    of_folder_ = std::move(*of_folder);
    of_folder_.writing->Post([back = back_.get_future().share()] { back.wait(); });
  }
  ~HungFolder() { Release(); }
  HungFolder(const HungFolder&) = delete;
  HungFolder& operator=(const HungFolder&) = delete;

  void Release() {
    if (!std::exchange(released_, true)) back_.set_value();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
  audit::FolderLanes of_folder_;
  std::promise<void> back_;
  bool released_ = false;
};

class HungFolderTest : public audit::AuditFolder {
 protected:
  ~HungFolderTest() override {
    folders_.clear();
    runner_->Call([this] { sinks_.clear(); });
    lanes_.Await(std::chrono::steady_clock::time_point::max());
    runner_->Stop();
  }

  HungFolder& Hang(const std::string& name) {
    folders_.push_back(std::make_unique<HungFolder>(lanes_, folder() / name));
    return *folders_.back();
  }
  // A sink of the folder; of an endpoint with that timeout.
  Sink& Make(const std::filesystem::path& directory, std::chrono::milliseconds timeout = 20ms) {
    AuditConfig config;
    config.origin = "registry.example.com";
    config.directory = directory;
    config::Endpoint endpoint = portcall::testing::EndpointOf("audit");
    endpoint.name = directory.filename();
    endpoint.timeout = timeout;
    endpoint.settings = std::make_shared<const AuditConfig>(config);
    return runner_->Call([&]() -> Sink& {
      auto made = MakeSink(endpoint, {runner_->executor(), resolver_, log_, lanes_});
      EXPECT_TRUE(made) << made.error().detail;
      sinks_.push_back(std::move(*made));
      sinks_.back()->Open("");
      return *sinks_.back();
    });
  }
  // As a reload does when another sink of the folder has been made.
  void Drop(Sink& sink) {
    runner_->Run(sink.Close());
    runner_->Call([&] { std::erase_if(sinks_, [&](const auto& one) { return one.get() == &sink; }); });
  }
  static Task<Outcome> One(Sink& sink, store::EventPtr event) {
    Batch batch;
    batch.events.push_back(std::move(event));
    co_return co_await sink.Deliver(std::move(batch));
  }
  Outcome Deliver(Sink& sink, std::int64_t seq) { return runner_->Run(One(sink, MakeEvent(seq))); }
  Outcome DeliverOnceItIsBack(Sink& sink, std::int64_t seq) {
    Outcome outcome;
    for (int i = 0; i < 3'000; ++i) {
      outcome = Deliver(sink, seq);
      if (outcome.verdict == Verdict::kDelivered) break;
      std::this_thread::sleep_for(10ms);
    }
    return outcome;
  }
  static std::size_t Threads() {
    const std::filesystem::directory_iterator threads("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
  }

  std::unique_ptr<portcall::testing::LoopRunner> runner_ = std::make_unique<portcall::testing::LoopRunner>();
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<std::unique_ptr<HungFolder>> folders_;
};

TEST_F(HungFolderTest, HoldsUpItsOwnEventsAlone) {
  for (int i = 0; i < 8; ++i) {
    Sink& hung = Make(Hang("hung" + std::to_string(i)).path());
    EXPECT_THAT(Deliver(hung, 1).error, HasSubstr("does not answer"));
  }
  Sink& well = Make(folder() / "well", 30s);
  const Outcome outcome = Deliver(well, 1);
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
}

TEST_F(HungFolderTest, TakesNoMoreThreadsHoweverOftenItsEntryChanges) {
  HungFolder& hung = Hang("hung");
  Sink* sink = &Make(hung.path());
  EXPECT_THAT(Deliver(*sink, 1).error, HasSubstr("does not answer"));
  const std::size_t before = Threads();
  for (int i = 0; i < 3; ++i) {
    Drop(*sink);
    sink = &Make(hung.path());
    EXPECT_THAT(Deliver(*sink, 1).error, HasSubstr("does not answer"));
  }
  EXPECT_EQ(Threads(), before);
  EXPECT_THAT(lanes_.Await(std::chrono::steady_clock::now()), SizeIs(1));
  hung.Release();
  for (std::int64_t seq = 1; seq <= 3; ++seq) {
    const Outcome outcome = DeliverOnceItIsBack(*sink, seq);
    EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  }
  EXPECT_THAT(runner_->Call([&] { return sink->Trouble(); }), IsEmpty());
  EXPECT_TRUE(audit::IsLocked(hung.path()));
  std::vector<std::string> lines;
  const auto segments = audit::ListSegments(hung.path());
  ASSERT_TRUE(segments);
  for (const auto& segment : *segments) {
    for (std::string& line : Lines(segment.file)) lines.push_back(std::move(line));
  }
  EXPECT_THAT(lines, SizeIs(3)) << "each was written once";
}

}  // namespace
}  // namespace portcall::sinks
