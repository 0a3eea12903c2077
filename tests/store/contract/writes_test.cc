#include <gmock/gmock.h>

#include <csignal>
#include <future>
#include <latch>
#include <set>
#include <stdexcept>

#include "store/catalog_changes.h"
#include "store/store.h"
#include "tests/store/contract/engine.h"
#include "tests/store/hold.h"

namespace portcall::store {
namespace {

using portcall::testing::LoopRunner;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WritesTest : public EngineTest {
 protected:
  std::vector<Seq> Stored() {
    std::vector<Seq> seqs;
    for (const auto& event : Read([](Snapshot& s) { return ReadEvents(s, 0, 1'000'000, {100'000}).events; })) {
      seqs.push_back(event->seq);
    }
    return seqs;
  }
};

TEST_P(WritesTest, ResumesTheCallerOnItsOwnLoop) {
  Open();
  const auto loop_thread = runner_.Call([] { return std::this_thread::get_id(); });
  const auto probe = [](Store& store) -> Task<std::thread::id> {
    (void)co_await AppendTask(store, EventOf("r"));
    co_return std::this_thread::get_id();
  };
  EXPECT_EQ(runner_.Run(probe(*store_)), loop_thread);
}

TEST_P(WritesTest, AnErrorUndoesItsOwnJobAlone) {
  Open();
  Hold hold(*store_);
  auto failing = [](Store& store) -> Task<Result<Seq>> {
    auto job = [](Tx& tx) -> Result<Seq> {
      Append(tx, EventOf("undone"));
      return Error(Errc::kConflict, "no");
    };
    co_return co_await store.Write(job);
  };
  auto throwing = [](Store& store) -> Task<Result<Seq>> {
    auto job = [](Tx& tx) -> Result<Seq> {
      Append(tx, EventOf("undone"));
      throw std::runtime_error("bug");
    };
    co_return co_await store.Write(job);
  };
  auto first = runner_.Start(AppendTask(*store_, EventOf("r")));
  auto second = runner_.Start(failing(*store_));
  auto third = runner_.Start(throwing(*store_));
  auto fourth = runner_.Start(AppendTask(*store_, EventOf("r")));
  AwaitDepth(*store_, 4);
  hold.Release();
  EXPECT_EQ(*LoopRunner::Await(std::move(first)), 1);
  EXPECT_EQ(LoopRunner::Await(std::move(second)).error().code, Errc::kConflict);
  const auto thrown = LoopRunner::Await(std::move(third));
  EXPECT_EQ(thrown.error().code, Errc::kInternal);
  EXPECT_THAT(thrown.error().detail, HasSubstr("bug"));
  EXPECT_EQ(*LoopRunner::Await(std::move(fourth)), 2);
  EXPECT_THAT(Stored(), ElementsAre(1, 2));
  const std::lock_guard lock(mutex_);
  ASSERT_EQ(appended_.size(), 2u);
  EXPECT_EQ(appended_[1]->seq, 2);
}

TEST_P(WritesTest, AReadThatThrowsFailsAlone) {
  Open();
  EXPECT_EQ(AppendOne(), 1);
  const auto throwing = [](Store& store) -> Task<Result<int>> {
    auto query = [](Snapshot&) -> Result<int> { throw std::length_error("more than there is memory for"); };
    co_return co_await store.Read(query);
  };
  for (int i = 0; i < 20; ++i) {  // more than there are readers
    const auto thrown = runner_.Run(throwing(*store_));
    ASSERT_FALSE(thrown);
    EXPECT_EQ(thrown.error().code, Errc::kInternal);
    EXPECT_THAT(thrown.error().detail, HasSubstr("more than there is memory for"));
  }
  EXPECT_THAT(Stored(), ElementsAre(1));
}

TEST_P(WritesTest, AJobThatRunsTwiceIsMadeOnce) {
  Open();
  int runs = 0;
  const auto job = [&runs](Tx& tx) -> Result<Seq> {
    ++runs;
    return Append(tx, EventOf("r"));
  };
  for (Seq seq = 1; seq <= 3; ++seq) EXPECT_EQ(*store_->WriteNow(job), seq);
  EXPECT_EQ(runs, 6);
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3));
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(appended_.size(), 3u);
}

TEST_P(WritesTest, AHiddenOutcomeIsToldAsUnknown) {
  StoreOptions options = Options();
  bool hide = true;
  options.provocations.hide_outcome = [&hide] { return std::exchange(hide, false); };
  Open(options);
  const auto append = [](Tx& tx) -> Result<Seq> { return Append(tx, EventOf("r")); };
  const auto unknown = store_->WriteNow(append);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::kOutcomeUnknown);
  EXPECT_EQ(*store_->WriteNow(append), 2);
  EXPECT_EQ(fatal_, 0);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(appended_.size(), 2u) << "it is in the log";
}

TEST_P(WritesTest, TellsTheEventsBeforeTheCallers) {
  Open();
  for (int i = 0; i < 50; ++i) {
    const Seq seq = AppendOne();
    const std::lock_guard lock(mutex_);
    ASSERT_FALSE(appended_.empty());
    EXPECT_EQ(appended_.back()->seq, seq);
    EXPECT_FALSE(appended_.back()->id.empty());
  }
}

TEST_P(WritesTest, WhatIsReportedIsReadable) {
  Open();
  std::atomic<int> missing = 0;
  const Subscription heard = store_->Subscribe([&](const std::vector<EventPtr>& events) {
    for (const auto& event : events) {
      auto found = store_->ReadNow([&](Snapshot& s) -> Result<EventPtr> { return FindEvent(s, event->seq); });
      if (!found || *found == nullptr) ++missing;
    }
  });
  for (int i = 0; i < 20; ++i) AppendOne();
  EXPECT_EQ(missing, 0);
}

TEST_P(WritesTest, ClosingRunsWhatIsQueuedAndRefusesTheRest) {
  Open();
  Hold hold(*store_);
  std::vector<std::future<Result<Seq>>> writes;
  for (int i = 0; i < 20; ++i) writes.push_back(runner_.Start(AppendTask(*store_, EventOf("r"))));
  AwaitDepth(*store_, 20);
  std::jthread closer([&] { store_->Close(); });
  hold.Release();
  for (auto& write : writes) EXPECT_TRUE(LoopRunner::Await(std::move(write)));
  closer.join();
  EXPECT_EQ(runner_.Run(AppendTask(*store_, EventOf("r"))).error().code, Errc::kUnavailable);
  auto read = store_->ReadNow([](Snapshot& s) -> Result<Seq> { return Head(s); });
  EXPECT_EQ(read.error().code, Errc::kUnavailable);
  Reopen();
  EXPECT_EQ(Stored().size(), 20u);
}

// They run in slices, so that some are left when the writer looks whether it may end.
TEST_P(WritesTest, ClosingRunsWhatWaitsBehindEverythingElse) {
  Open();
  Hold hold(*store_);
  std::atomic<int> kept = 0;
  const auto slow = [](Tx& tx) -> Result<Seq> {
    std::this_thread::sleep_for(milliseconds(10));  // longer than a slice
    return Append(tx, EventOf("r"));
  };
  std::vector<std::jthread> jobs;
  for (int i = 0; i < 5; ++i) {
    jobs.emplace_back([&] { kept += store_->WriteNow(slow, Priority::kBackground) ? 1 : 0; });
  }
  AwaitDepth(*store_, 5);
  std::jthread closer([&] { store_->Close(); });
  std::vector<std::future<Result<Seq>>> writes;  // until one is refused at once: it closes
  do {
    writes.push_back(runner_.Start(AppendTask(*store_, EventOf("r"))));
  } while (writes.back().wait_for(milliseconds(20)) != std::future_status::ready);
  hold.Release();
  closer.join();
  jobs.clear();
  EXPECT_EQ(kept, 5);
  for (auto& write : writes) (void)LoopRunner::Await(std::move(write));
  Reopen();
  EXPECT_EQ(Stored().size(), 5 + writes.size() - 1);
}

TEST_P(WritesTest, AReaderSeesOneState) {
  Open();
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    while (!stop) {
      Write([](Tx& tx) {
        ManifestPush push;
        push.repository = "r";
        push.manifest.digest = "sha256:" + std::to_string(Append(tx, EventOf("r")));
        push.tags = {"a", "b"};
        (void)PushManifest(tx, push);
      });
    }
  });
  for (int i = 0; i < 200; ++i) {
    const auto pair = Read([](Snapshot& s) { return std::pair(FindTag(s, "r", "a"), FindTag(s, "r", "b")); });
    ASSERT_EQ(pair.first, pair.second);
  }
  stop = true;
}

TEST_P(WritesTest, ReadsFromACoroutine) {
  Open();
  AppendOne();
  const auto head = [](Store& store) -> Task<Result<Seq>> {
    auto query = [](Snapshot& s) -> Result<Seq> { return Head(s); };
    co_return co_await store.Read(query);
  };
  EXPECT_EQ(*runner_.Run(head(*store_)), 1);
}

FOR_EVERY_ENGINE(WritesTest);

}  // namespace
}  // namespace portcall::store
