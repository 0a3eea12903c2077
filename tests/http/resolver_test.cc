#include "runtime/http/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/loop_runner.h"

namespace portcall::http {
namespace {

using ::testing::HasSubstr;
using testing::LoopRunner;

// The pool goes before the loop, because a lookup comes back to it.
struct Stage {
  LoopRunner runner;
  asio::thread_pool pool{1};
  Resolver resolver{pool};

  std::shared_future<void> BlockPool(std::promise<void>& until) {
    std::shared_future<void> gate = until.get_future().share();
    asio::post(pool, [gate] { gate.wait(); });
    return gate;
  }
};

TEST(ResolverTest, LiteralsNeedNoLookup) {
  Stage stage;
  std::promise<void> until;
  stage.BlockPool(until);
  const auto v4 = stage.runner.Run(stage.resolver.Resolve("127.0.0.1"));
  const auto v6 = stage.runner.Run(stage.resolver.Resolve("::1"));
  until.set_value();
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->front().to_string(), "127.0.0.1");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->front().to_string(), "::1");
}

TEST(ResolverTest, FindsLocalhost) {
  Stage stage;
  const auto found = stage.runner.Run(stage.resolver.Resolve("localhost"));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->front().is_loopback());
}

TEST(ResolverTest, AFailureNamesTheHost) {
  Stage stage;
  const auto found = stage.runner.Run(stage.resolver.Resolve("no-such-host.invalid"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kNotFound);
  EXPECT_THAT(found.error().detail, HasSubstr("no-such-host.invalid"));
}

TEST(ResolverTest, LookupsOfOneNameAreJoinedAndKept) {
  Stage stage;
  std::promise<void> until;
  stage.BlockPool(until);
  auto first = stage.runner.Start(stage.resolver.Resolve("localhost"));
  auto second = stage.runner.Start(stage.resolver.Resolve("localhost"));
  stage.runner.Call([] {});
  until.set_value();
  EXPECT_TRUE(LoopRunner::Await(std::move(first)));
  EXPECT_TRUE(LoopRunner::Await(std::move(second)));
  // Answered from memory: the pool is busy.
  std::promise<void> again;
  stage.BlockPool(again);
  EXPECT_TRUE(stage.runner.Run(stage.resolver.Resolve("localhost")));
  again.set_value();
}

TEST(ResolverTest, ALookupMayOutliveItsResolver) {
  Stage stage;
  std::promise<void> until;
  stage.BlockPool(until);
  auto resolver = std::make_unique<Resolver>(stage.pool);
  std::promise<bool> done;
  stage.runner.Call([&] {
    resolver->Start(stage.runner.executor(), "localhost",
                    [&done](std::shared_ptr<const Resolver::Answer> answer) { done.set_value(bool(*answer)); });
    resolver.reset();
  });
  until.set_value();
  EXPECT_TRUE(LoopRunner::Await(done.get_future()));
}

}  // namespace
}  // namespace portcall::http
