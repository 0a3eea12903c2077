#include "store/sqlite/writer.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <future>
#include <latch>
#include <set>
#include <stdexcept>

#include "store/catalog_changes.h"
#include "tests/store/fixture.h"

namespace portcall::store {
namespace {

using portcall::testing::LoopRunner;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Holds the writer inside a job, so that a test decides what the next group is made of.
class Hold {
 public:
  explicit Hold(Store& store) {
    thread_ = std::jthread([this, &store] {
      (void)store.WriteNow([this, left = go_.get_future().share()](Tx&) -> Result<void> {
        std::call_once(entered_, [this] { inside_.count_down(); });
        left.wait();
        return {};
      });
    });
    inside_.wait();
  }
  void Release() { go_.set_value(); }

 private:
  std::once_flag entered_;
  std::latch inside_{1};
  std::promise<void> go_;
  std::jthread thread_;
};

void AwaitDepth(Store& store, std::uint64_t depth) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store.stats().queue_depth < depth) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the jobs never queued";
    std::this_thread::yield();
  }
}

Task<Result<Seq>> AppendTask(Store& store, Event event) {
  auto append = [event = std::move(event)](Tx& tx) -> Result<Seq> { return Append(tx, event); };
  co_return co_await store.Write(append);
}

class WriterTest : public StoreTest {
 protected:
  std::vector<Seq> Stored() {
    std::vector<Seq> seqs;
    for (const auto& event : Read([](Snapshot& s) { return ReadEvents(s, 0, 1'000'000, 100'000); })) {
      seqs.push_back(event->seq);
    }
    return seqs;
  }
};

TEST_F(WriterTest, CommitsManyWritesAtOnce) {
  Open();
  Hold hold(*store_);
  std::vector<std::future<Result<Seq>>> writes;
  for (int i = 0; i < 500; ++i) writes.push_back(runner_.Start(AppendTask(*store_, EventOf("r"))));
  AwaitDepth(*store_, 500);
  const std::uint64_t before = store_->stats().commits;
  hold.Release();
  std::set<Seq> seqs;
  for (auto& write : writes) seqs.insert(*LoopRunner::Await(std::move(write)));
  EXPECT_EQ(seqs.size(), 500u);
  EXPECT_LE(store_->stats().commits - before, 2u);
}

TEST_F(WriterTest, ResumesTheCallerOnItsOwnLoop) {
  Open();
  const auto loop_thread = runner_.Call([] { return std::this_thread::get_id(); });
  const auto probe = [](Store& store) -> Task<std::thread::id> {
    (void)co_await AppendTask(store, EventOf("r"));
    co_return std::this_thread::get_id();
  };
  EXPECT_EQ(runner_.Run(probe(*store_)), loop_thread);
}

TEST_F(WriterTest, AnErrorUndoesItsOwnJobAlone) {
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

TEST_F(WriterTest, AJobThatRunsTwiceIsMadeOnce) {
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

TEST_F(WriterTest, AHiddenOutcomeIsToldAsUnknown) {
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

TEST_F(WriterTest, TellsTheEventsBeforeTheCallers) {
  Open();
  for (int i = 0; i < 50; ++i) {
    const Seq seq = AppendOne();
    const std::lock_guard lock(mutex_);
    ASSERT_FALSE(appended_.empty());
    EXPECT_EQ(appended_.back()->seq, seq);
    EXPECT_FALSE(appended_.back()->id.empty());
  }
}

TEST_F(WriterTest, WhatIsReportedIsReadable) {
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

TEST_F(WriterTest, RequestsGoBeforeBackgroundJobs) {
  StoreOptions options = Options();
  options.provocations.run_jobs_twice = false;
  Open(options);
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&](std::string who, Priority priority) {
    (void)store_->WriteNow(
        [&](Tx&) -> Result<void> {
          const std::lock_guard lock(mutex);
          order.push_back(who);
          return {};
        },
        priority);
  };
  (void)store_->WriteNow([](Tx&) -> Result<void> { return {}; }, Priority::kBackground);  // its slice was just now
  Hold hold(*store_);
  std::jthread background([&] { note("background", Priority::kBackground); });
  AwaitDepth(*store_, 1);
  std::jthread request([&] { note("request", Priority::kRequest); });
  std::jthread settlement([&] { note("settlement", Priority::kSettlement); });
  AwaitDepth(*store_, 3);
  hold.Release();
  background.join();
  request.join();
  settlement.join();
  ASSERT_EQ(order.size(), 3u);
  EXPECT_EQ(order[2], "background");
}

TEST_F(WriterTest, ClosingRunsWhatIsQueuedAndRefusesTheRest) {
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

TEST_F(WriterTest, BelowTheReserveOnlyRequestsAreRefused) {
  StoreOptions options = Options();
  options.reserve_bytes = std::uint64_t{1} << 60;
  Open(options);
  const auto append = [](Tx& tx) -> Result<Seq> { return Append(tx, EventOf("r")); };
  const auto refused = store_->WriteNow(append);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNoSpace);
  EXPECT_THAT(refused.error().detail, HasSubstr("storage.reserve"));
  EXPECT_TRUE(store_->stats().out_of_space);
  EXPECT_TRUE(store_->WriteNow(append, Priority::kSettlement));
  EXPECT_TRUE(store_->WriteNow(append, Priority::kBackground));
}

// A limit on the size of files fails writes as a full disk does.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(WriterTest, AFullDiskFailsWritesUntilThereIsRoom) {
  Open();
  Event big = EventOf("r");
  big.details = std::string(100'000, 'x');
  std::vector<Seq> kept;
  int refused = 0;
  {
    const FileLimit limit(1 << 20);
    for (int i = 0; i < 40; ++i) {
      auto written = store_->WriteNow([&](Tx& tx) -> Result<Seq> { return Append(tx, big); });
      if (written) {
        kept.push_back(*written);
      } else {
        ++refused;
        EXPECT_EQ(written.error().code, Errc::kNoSpace) << written.error().detail;
      }
    }
    EXPECT_GT(refused, 0);
    EXPECT_TRUE(store_->stats().out_of_space);
  }
  EXPECT_EQ(fatal_, 0);
  for (int i = 0; i < 5; ++i) {
    auto written = store_->WriteNow([&](Tx& tx) -> Result<Seq> { return Append(tx, big); });
    ASSERT_TRUE(written) << written.error().detail;
    kept.push_back(*written);
  }
  EXPECT_FALSE(store_->stats().out_of_space);
  EXPECT_EQ(Stored(), kept);
  Reopen();
  EXPECT_EQ(Stored(), kept);
}

TEST_F(WriterTest, TheLogOfWritesStaysBoundedWhileOthersRead) {
  Open();
  std::atomic<bool> stop = false;
  const auto read = [&] {
    while (!stop) {
      (void)store_->ReadNow([](Snapshot& s) -> Result<Seq> {
        const Seq head = Head(s);
        std::this_thread::sleep_for(milliseconds(10));  // a query that takes its time and pins the log
        return head;
      });
    }
  };
  std::jthread one(read), two(read), three(read);
  Event big = EventOf("r");
  big.details = std::string(60'000, 'x');
  std::uintmax_t largest = 0;
  for (int i = 0; i < 250; ++i) {
    Write([&](Tx& tx) {
      for (int k = 0; k < 10; ++k) Append(tx, big);
    });
    largest = std::max(largest, std::filesystem::file_size(File() + "-wal"));
  }
  stop = true;
  EXPECT_LT(largest, 72u << 20);
  EXPECT_GT(std::filesystem::file_size(File()), 100u << 20);
}

TEST_F(WriterTest, AReaderSeesOneState) {
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

TEST_F(WriterTest, ReadsFromACoroutine) {
  Open();
  AppendOne();
  const auto head = [](Store& store) -> Task<Result<Seq>> {
    auto query = [](Snapshot& s) -> Result<Seq> { return Head(s); };
    co_return co_await store.Read(query);
  };
  EXPECT_EQ(*runner_.Run(head(*store_)), 1);
}

}  // namespace
}  // namespace portcall::store
