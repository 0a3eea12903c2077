#include "registry/recording/recorder.h"

#include <gmock/gmock.h>
#include <prometheus/counter.h>
#include <sys/resource.h>

#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using namespace std::chrono_literals;

class RecorderTest : public ServiceTest {
 protected:
  RecorderTest() { Begin(); }
  ~RecorderTest() override { End(); }
  void Begin() { recorder_ = std::make_unique<Recorder>(*store_, log_, metrics_, clock_); }
  // Everything that was noted or recorded is in the store afterwards.
  void End() { recorder_.reset(); }

  std::vector<store::UploadRow> Rows() {
    using List = std::vector<store::UploadRow>;
    return *store_->ReadNow(
        [](store::Snapshot& s) -> Result<List> { return store::UploadsStartedBefore(s, INT64_MAX, 100'000); });
  }
  static Draft Pull(const std::string& name, std::size_t size = 0) {
    const auto origin = std::make_shared<Origin>();
    origin->forwarded = std::string(size, 'x');
    return BlobEvent(origin, name, store::Action::kPull, "sha256:1", 7);
  }
  // Whose event lists as much as may be.
  static Draft PullOf(const ReferencesPtr& references) {
    Draft draft = Pull("a");
    draft.details.references = references;
    return draft;
  }
  // Records so many while the store does nothing; how many have been queued by then. All are recorded afterwards.
  std::size_t QueuedOf(std::size_t number, const std::function<Draft()>& make);

  std::unique_ptr<Recorder> recorder_;
};

TEST_F(RecorderTest, TheEndWritesWhatIsNoted) {
  EXPECT_TRUE(recorder_->Note({"one", "a/b", 7}));
  EXPECT_TRUE(recorder_->Note({"two", "a/b", 8}));
  EXPECT_EQ(recorder_->FindNote("one")->repository, "a/b");
  EXPECT_TRUE(recorder_->CancelNote("one"));
  EXPECT_FALSE(recorder_->FindNote("one"));
  EXPECT_TRUE(Rows().empty()) << "too young";
  End();
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].uuid, "two");
  EXPECT_EQ(rows[0].repository, "a/b");
  EXPECT_EQ(rows[0].started_at, 8);
}

TEST_F(RecorderTest, OldNotesAreWrittenAndThenNotCancelled) {
  recorder_ = std::make_unique<Recorder>(*store_, log_, metrics_, runtime::SystemClock(), Recorder::Pace{1h, 1ms});
  EXPECT_TRUE(recorder_->Note({"one", "a", 7}));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (Rows().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_EQ(Rows().size(), 1u);
  EXPECT_FALSE(recorder_->CancelNote("one")) << "the row is there, and somebody must delete it";
}

// A full disk passes, and the rows with it.
TEST_F(RecorderTest, NotesThatTheStoreRefusesAreWrittenLater) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{1, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);
  recorder_ = std::make_unique<Recorder>(*store_, log_, metrics_, runtime::SystemClock(), Recorder::Pace{1h, 1ms});
  EXPECT_TRUE(recorder_->Note({"one", "a", 7}));
  EXPECT_TRUE(recorder_->Note({"two", "a", 8}));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!store_->stats().out_of_space && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(store_->stats().out_of_space) << "the disk is full for nobody else";
  setrlimit(RLIMIT_FSIZE, &before);
  while (Rows().size() < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(Rows().size(), 2u);
}

TEST(UploadNotesTest, WhatEndsWhileItIsWrittenIsTold) {
  UploadNotes notes;
  const runtime::SteadyTime now{};
  for (const char* uuid : {"one", "two", "three"}) EXPECT_TRUE(notes.Add({uuid, "a", 7}, now));
  auto rows = notes.Write(now, 2);
  EXPECT_FALSE(notes.Cancel("one"));
  EXPECT_FALSE(notes.Find("one"));
  notes.PutBack(rows, now + 1s);
  EXPECT_EQ(notes.Write(now, 10).size(), 1u) << "the third; the second has time";
  EXPECT_EQ(notes.Written({{"three", "a", 7}}), std::vector<std::string>{});
  rows = notes.Write(now + 1s, 10);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].uuid, "two");
  EXPECT_FALSE(notes.Cancel("two"));
  EXPECT_EQ(notes.Written(rows), std::vector<std::string>{"two"});
  EXPECT_TRUE(notes.empty());
}

TEST_F(RecorderTest, NotesAreBoundedInBytesAndWrittenManyToATransaction) {
  std::size_t noted = 0;
  while (recorder_->Note({std::to_string(noted), std::string(200, 'a'), 7})) ++noted;
  EXPECT_LT(noted * 200, UploadNotes::kMaxBytes);
  EXPECT_GT(noted, 1'000u);
  EXPECT_TRUE(recorder_->CancelNote("0"));
  EXPECT_TRUE(recorder_->Note({"more", std::string(200, 'a'), 7}));
  const std::uint64_t before = store_->stats().commits;
  End();
  EXPECT_EQ(Rows().size(), noted);
  EXPECT_LE(store_->stats().commits - before, noted / 256 + 1);
}

std::size_t RecorderTest::QueuedOf(std::size_t number, const std::function<Draft()>& make) {
  std::promise<void> closed, opened;
  std::thread blocker([this, &closed, gate = opened.get_future().share()] {
    bool told = false;
    const Result<void> done = store_->WriteNow([&](store::Tx&) -> Result<void> {
      if (!std::exchange(told, true)) closed.set_value();  // jobs are run twice here
      gate.wait();
      return {};
    });
    EXPECT_TRUE(done);
  });
  closed.get_future().wait();
  std::vector<std::future<Result<void>>> recorded;
  for (std::size_t i = 0; i < number; ++i) {
    recorded.push_back(runner_->Start(recorder_->RecordPull(make(), config::PullEvents::kRelaxed)));
  }
  runner_->Call([] {});  // each has been queued by now, or waits
  const auto queued =
      std::ranges::count_if(recorded, [](const auto& f) { return f.wait_for(0s) == std::future_status::ready; });
  opened.set_value();
  blocker.join();
  for (auto& one : recorded) EXPECT_TRUE(runner_->Await(std::move(one)));
  End();
  return static_cast<std::size_t>(queued);
}

TEST_F(RecorderTest, AFullQueueHoldsPullsBackAndDropsNone) {
  constexpr std::size_t kSize = 64 << 10, kDrafts = 3 * Recorder::kQueueBytes / kSize;
  const std::size_t queued = QueuedOf(kDrafts, [] { return Pull("a", kSize); });
  // The queue once over, and once more what the writer may have taken before it was held up.
  EXPECT_GE(queued, Recorder::kQueueBytes / kSize * 9 / 10);
  EXPECT_LE(queued, 2 * Recorder::kQueueBytes / kSize);
  EXPECT_EQ(Events().size(), kDrafts);
}

TEST_F(RecorderTest, WhatAManifestRefersToCountsInTheQueue) {
  const store::Descriptor layer{"application/vnd.oci.image.layer.v1.tar", Sha256("layer"), 5, ""};
  const ReferencesPtr references = References::First(std::vector<store::Descriptor>(2'000, layer));
  constexpr std::size_t kSize = References::kMaxPulled, kDrafts = 3 * Recorder::kQueueBytes / kSize;
  EXPECT_LE(QueuedOf(kDrafts, [&] { return PullOf(references); }), 2 * Recorder::kQueueBytes / kSize);
  EXPECT_EQ(Events().size(), kDrafts);
}

TEST_F(RecorderTest, WhatIsLargerThanTheQueueIsRecordedAlone) {
  const std::size_t size = Recorder::kQueueBytes + 1;
  EXPECT_TRUE(runner_->Run(recorder_->RecordPull(Pull("a", size), config::PullEvents::kRelaxed)));
  EXPECT_TRUE(runner_->Run(recorder_->RecordPull(Pull("b"), config::PullEvents::kRelaxed)));
  End();
  EXPECT_EQ(Events().size(), 2u);
}

// A full log, as the broker says: nothing is queued for it, and one line tells of however much is lost.
TEST_F(RecorderTest, WhileTheLogIsFullNothingIsRecordedAndOneErrorTells) {
  std::atomic<bool> full = true;
  runtime::Log log({runtime::Level::kInfo, "text", {}});
  const auto lost = [this](const char* kind) {
    return metrics_.Count(std::string("portcall_") + kind + "_events_lost_total", "").Value();
  };
  const auto pull = [this] { return recorder_->RecordPull(Pull("a"), config::PullEvents::kRelaxed); };
  const auto await = [&lost](const char* kind, double count) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (lost(kind) < count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return lost(kind) == count;
  };
  ::testing::internal::CaptureStderr();
  recorder_ =
      std::make_unique<Recorder>(*store_, log, metrics_, clock_, Recorder::Pace(), [&full] { return full.load(); });
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(runner_->Run(pull()));
    ASSERT_TRUE(await("pull", i + 1));
  }
  runner_->Run(recorder_->RecordRefusal(RefusedEvent(std::make_shared<Origin>(), {}, 403)));
  ASSERT_TRUE(await("refusal", 1));
  full = false;
  EXPECT_TRUE(runner_->Run(pull()));
  End();
  EXPECT_EQ(Events().size(), 1u);
  EXPECT_EQ(lost("pull"), 3);
  EXPECT_TRUE(log.Flush());
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2) << lines;
  EXPECT_NE(lines.find("lost until they can be recorded again"), std::string::npos);
  EXPECT_NE(lines.find("lost_pulls=3 lost_refusals=1"), std::string::npos) << lines;
}

}  // namespace
}  // namespace portcall::registry
