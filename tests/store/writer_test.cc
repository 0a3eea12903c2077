#include "store/sqlite/writer.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <future>
#include <latch>
#include <set>
#include <stdexcept>

#include "store/catalog_changes.h"
#include "tests/store/fixture.h"
#include "tests/store/hold.h"

namespace {

std::atomic<int> sync_error = 0;  // what every sync fails with, 0: none does

}  // namespace

// Takes the place of the C library's for the engine too, which is a shared library.
extern "C" int fdatasync(int fd) {
  if (sync_error == 0) return static_cast<int>(syscall(SYS_fdatasync, fd));
  errno = sync_error;
  return -1;
}

namespace portcall::store {
namespace {

using portcall::testing::LoopRunner;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WriterTest : public StoreTest {
 protected:
  std::vector<Seq> Stored() {
    std::vector<Seq> seqs;
    for (const auto& event : Read([](Snapshot& s) { return ReadEvents(s, 0, 1'000'000, {100'000}).events; })) {
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

class FailedSyncTest : public WriterTest, public ::testing::WithParamInterface<int> {};

// The reason of an earlier failure must not stand in for its own: a full disk passes, this does not.
TEST_P(FailedSyncTest, IsNeverTakenForAFullDisk) {
  Open();
  const auto append = [&](Tx& tx) -> Result<Seq> { return Append(tx, EventOf("r")); };
  {
    const FileLimit limit(1 << 20);
    Event big = EventOf("r");
    big.details = std::string(24 << 20, 'x');  // more than the page cache: written before the commit
    EXPECT_EQ(store_->WriteNow([&](Tx& tx) -> Result<Seq> { return Append(tx, big); }).error().code, Errc::kNoSpace);
  }
  EXPECT_EQ(fatal_, 0);
  ASSERT_TRUE(store_->WriteNow(append));
  sync_error = GetParam();
  EXPECT_EQ(store_->WriteNow(append).error().code, Errc::kOutcomeUnknown);
  sync_error = 0;
  EXPECT_EQ(fatal_, 1);
  EXPECT_EQ(store_->WriteNow(append).error().code, Errc::kUnavailable);
}

INSTANTIATE_TEST_SUITE_P(Reasons, FailedSyncTest, ::testing::Values(EIO, ENOSPC));

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

// So that a log with a small bound is not mostly what stands beside it.
class JournalTest : public StoreTest {
 protected:
  void WriteSome() {
    Event big = EventOf("r");
    big.details = std::string(60'000, 'x');
    Write([&](Tx& tx) {
      for (int k = 0; k < 10; ++k) Append(tx, big);
    });
  }
  std::uintmax_t JournalSize() const { return std::filesystem::file_size(File() + "-wal"); }
};

TEST_F(JournalTest, ItBeginsAnewAfterAFewMegabytes) {
  Open();
  std::uintmax_t largest = 0;
  for (int i = 0; i < 50; ++i) {
    WriteSome();
    largest = std::max(largest, JournalSize());
  }
  EXPECT_LT(largest, 8u << 20);
  EXPECT_GT(std::filesystem::file_size(File()), 20u << 20);
}

TEST_F(JournalTest, ItIsSmallAgainWhenALongQueryHasEnded) {
  Open();
  std::promise<void> end;
  std::latch inside(1);
  std::jthread query([&] {
    EXPECT_TRUE(store_->ReadNow([&](Snapshot& s) -> Result<Seq> {
      const Seq head = Head(s);
      inside.count_down();
      end.get_future().wait();
      return head;
    }));
  });
  inside.wait();
  for (int i = 0; i < 30; ++i) WriteSome();
  EXPECT_GT(JournalSize(), 15u << 20) << "the query sees what was there when it began";
  end.set_value();
  query.join();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (JournalSize() > 9u << 20) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    WriteSome();
  }
}

}  // namespace
}  // namespace portcall::store
