#include "registry/catalog/long_lists.h"

#include <gmock/gmock.h>

#include <thread>

#include "registry/catalog/catalog.h"
#include "registry/recording/recorder.h"
#include "store/catalog_changes.h"
#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using namespace std::chrono_literals;
using portcall::testing::LoopRunner;

class LongListsTest : public ServiceTest {
 protected:
  // Tags that together take more than is made beside others.
  void TagMany() {
    store::ManifestPush push;
    push.repository = "many";
    push.manifest = {Sha256("m"), kOciManifest, "{}", "", "", ""};
    for (int i = 0; i < 2'000; ++i) push.tags.push_back(std::string(100, 't') + std::to_string(10'000 + i));
    auto tag_all = [&](store::Tx& tx) -> Result<bool> { return store::PushManifest(tx, push).empty(); };
    ASSERT_TRUE(store_->WriteNow(tag_all));
    PushImage("few", "v1");
  }
  // The text of the tags, or the reason why there is none.
  Task<std::string> Tags(std::string repository, ListAccount account) {
    ListText list("", {100'000, 16 << 20, 131}, std::move(account));
    const Result<bool> more = co_await listings_.Tags(repository, "", list);
    co_return more ? std::move(list).End("") : more.error().detail;
  }
  // Where all that may be held is held.
  void Fill() { ASSERT_TRUE(rest_.Grow(budget_.most() + runtime::MemoryBudget::kFree)); }

  const RegistryDeps deps_{*store_, *blobs_, pool_, log_, metrics_, clock_, "vm:0", "instance", {}, &budget_};
  Listings listings_{deps_};
  runtime::MemoryShare rest_{&budget_}, share_{&budget_}, other_{&budget_};
};

TEST_F(LongListsTest, ALongListCountsFromBeforeItIsReadUntilItsAnswerIsSent) {
  TagMany();
  const std::string list = runner_->Run(Tags("many", {&share_, {}, 10s}));
  EXPECT_EQ(list.size(), 2'000u * 108 - 1);
  EXPECT_GE(budget_.held() + runtime::MemoryBudget::kFree, list.size());
  EXPECT_LE(budget_.held(), 3 * list.size()) << "what was estimated is given back";
  share_.Release();
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(LongListsTest, WithoutRoomALongListIsRefusedInTimeAndAShortOneIsMade) {
  TagMany();
  Fill();
  EXPECT_THAT(runner_->Run(Tags("many", {&share_, {}, 100ms})), ::testing::HasSubstr("http.memory"));
  EXPECT_EQ(budget_.refused(), 1u);
  EXPECT_EQ(runner_->Run(Tags("few", {&share_, {}, 100ms})), R"("v1")");
  rest_.Release();
  EXPECT_EQ(runner_->Run(Tags("many", {&share_, {}, 10s})).size(), 2'000u * 108 - 1);
}

// Neither gives way by itself: what is kept for speed must, or no long list is ever made.
TEST_F(LongListsTest, UploadsAndWhatIsCachedLeaveRoomForOneWhereThereIsLeast) {
  TagMany();
  constexpr std::size_t kLarge = 3 << 20;
  const std::string image = ImageOf("{}", {}, R"(,"annotations":{"text":")" + std::string(kLarge, 'x') + R"("})");
  PushBlob("large", "{}");
  for (const char* tag : {"1", "2"}) {
    ASSERT_EQ(PutManifest("large", tag, image).status, 201);
  }
  runtime::MemoryBudget least(32 << 20);
  RegistryDeps deps{*store_, *blobs_, pool_, log_, metrics_, clock_, "vm:0", "instance", {}, &least};
  Recorder recorder(*store_, log_, metrics_, clock_);
  Manifests manifests(deps, recorder);
  Listings listings(deps);

  std::vector<runtime::MemoryShare> uploads;
  do {
    uploads.emplace_back(&least);
  } while (uploads.back().GrowIfAmple(256 << 10));
  for (const char* tag : {"1", "2"}) {
    ASSERT_TRUE(*runner_->Run(manifests.Find({}, "large", Reference::Parse(tag))));
  }
  ASSERT_GT(least.held(), (least.most() / 2) + kLarge) << "they are cached";
  runtime::MemoryShare share(&least);
  const auto tags = [&]() -> Task<std::string> {
    ListText list("", {100'000, 16 << 20, 131}, {&share, {}, 100ms});
    const Result<bool> more = co_await listings.Tags("many", "", list);
    co_return more ? std::move(list).End("") : more.error().detail;
  };
  EXPECT_EQ(runner_->Run(tags()).size(), 2'000u * 108 - 1);
  EXPECT_EQ(least.refused(), 0u);
}

TEST_F(LongListsTest, OneIsMadeAtATimeAndTheNextWhenItsTurnComes) {
  TagMany();
  Fill();
  auto first = runner_->Start(Tags("many", {&share_, {}, 20s}));  // has its turn, and no room
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (budget_.waiters() == 0 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  ASSERT_GT(budget_.waiters(), 0u);
  EXPECT_THAT(runner_->Run(Tags("many", {&other_, {}, 100ms})), ::testing::HasSubstr("one at a time"));
  auto third = runner_->Start(Tags("many", {&other_, {}, 20s}));
  EXPECT_EQ(first.wait_for(100ms), std::future_status::timeout);
  rest_.Release();
  EXPECT_EQ(LoopRunner::Await(std::move(first)).size(), 2'000u * 108 - 1);
  EXPECT_EQ(LoopRunner::Await(std::move(third)).size(), 2'000u * 108 - 1);
}

TEST_F(LongListsTest, WhoHasGoneWaitsForNothing) {
  TagMany();
  Fill();
  std::stop_source with_turn, without;
  auto first = runner_->Start(Tags("many", {&share_, with_turn.get_token(), 1h}));
  auto second = runner_->Start(Tags("many", {&other_, without.get_token(), 1h}));
  runner_->Call([&] { without.request_stop(); });
  LoopRunner::Await(std::move(second));
  runner_->Call([&] { with_turn.request_stop(); });
  LoopRunner::Await(std::move(first));
  EXPECT_EQ(budget_.refused(), 0u);
}

TEST_F(LongListsTest, SoManyMayWaitForATurn) {
  LongLists lists;
  std::stop_source all;
  const auto take = [&](std::stop_token gone) -> Task<bool> {
    const LongLists::Turn turn = co_await lists.Take(std::chrono::steady_clock::now() + 1h, std::move(gone));
    co_return static_cast<bool>(turn);
  };
  std::optional<LongLists::Turn> held = runner_->Run(lists.Take({}, {}));
  EXPECT_TRUE(*held);
  std::vector<std::future<bool>> waiting;
  for (std::size_t i = 0; i < LongLists::kWaiters; ++i) waiting.push_back(runner_->Start(take(all.get_token())));
  EXPECT_FALSE(runner_->Run(take({})));
  held.reset();
  for (auto& one : waiting) EXPECT_TRUE(LoopRunner::Await(std::move(one))) << "one after another";
}

TEST_F(LongListsTest, AnIndexThatOldClientsKeptCountsWhileItIsLookedThrough) {
  std::string children;
  for (int i = 0; i < 5'000; ++i) {
    children += std::string(i == 0 ? "" : ",") + R"({"size":1,"digest":")" + Sha256(std::to_string(i)) + "\"}";
  }
  config_.validation.children = config::ValidationConfig::Children::kNone;
  Reconfigure();
  const std::string index = R"({"schemaVersion":2,"manifests":[)" + children + "]}";
  ASSERT_EQ(PutManifest("a", "sha256-" + std::string(64, '5'), index, kOciIndex).status, 201);
  const Digest subject = *Digest::Parse("sha256:" + std::string(64, '5'));
  const auto referrers = [&](ListAccount account) -> Task<std::string> {
    ListText list("", {10, kMaxReferrerBytes}, std::move(account));
    const auto next = co_await listings_.Referrers("a", subject, {}, list);
    co_return next ? *next : next.error().detail;
  };
  Fill();
  EXPECT_THAT(runner_->Run(referrers({&share_, {}, 100ms})), ::testing::HasSubstr("http.memory"));
  rest_.Release();
  EXPECT_EQ(runner_->Run(referrers({&share_, {}, 10s})), "t10-" + Sha256("9"));
}

}  // namespace
}  // namespace portcall::registry
