#include "runtime/http/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/loop_runner.h"
#include "tests/support/name_system.h"

namespace portcall::http {
namespace {

using ::testing::HasSubstr;
using testing::LoopRunner;
using Answer = std::shared_ptr<const Resolver::Answer>;

struct Stage {
  testing::NameSystem names;
  LoopRunner runner;
  std::unique_ptr<Resolver> resolver = std::make_unique<Resolver>(names.look_up());

  std::future<Answer> Start(const std::string& host) {
    auto promise = std::make_shared<std::promise<Answer>>();
    runner.Call([&] {
      resolver->Start(runner.executor(), host, [promise](Answer answer) { promise->set_value(std::move(answer)); });
    });
    return promise->get_future();
  }
  Resolver::Answer Resolve(const std::string& host) { return *LoopRunner::Await(Start(host)); }
};

TEST(ResolverTest, LiteralsNeedNoLookup) {
  Stage stage;
  const auto v4 = stage.Resolve("127.0.0.1");
  const auto v6 = stage.Resolve("::1");
  EXPECT_EQ(stage.names.asked(), 0);
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->front().to_string(), "127.0.0.1");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->front().to_string(), "::1");
}

TEST(ResolverTest, FindsLocalhost) {
  Stage stage;
  const auto found = stage.Resolve("localhost");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->front().is_loopback());
}

TEST(ResolverTest, AFailureNamesTheHost) {
  Stage stage;
  const auto found = stage.Resolve("no-such-host.invalid");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kNotFound);
  EXPECT_THAT(found.error().detail, HasSubstr("no-such-host.invalid"));
}

TEST(ResolverTest, LookupsOfOneNameAreJoinedAndKept) {
  Stage stage;
  stage.names.Hold();
  auto first = stage.Start("localhost");
  auto second = stage.Start("localhost");
  stage.names.Release();
  EXPECT_TRUE(*LoopRunner::Await(std::move(first)));
  EXPECT_TRUE(*LoopRunner::Await(std::move(second)));
  EXPECT_TRUE(stage.Resolve("localhost")) << "from memory";
  EXPECT_EQ(stage.names.asked(), 1);
}

// The thread that looks up has no way to the loop any more, which may be gone as well.
TEST(ResolverTest, NobodyWaitsForALookupAtTheEnd) {
  testing::NameSystem names;
  bool called = false;
  {
    LoopRunner runner;
    auto resolver = std::make_unique<Resolver>(names.look_up());
    names.Hold();
    runner.Call([&] { resolver->Start(runner.executor(), "localhost", [&called](Answer) { called = true; }); });
    resolver.reset();
  }
  names.Release();
  EXPECT_FALSE(called);
}

TEST(ResolverTest, NamesThatAreNotAnsweredDelayNoOther) {
  std::promise<void> until;
  const std::shared_future<void> answered = until.get_future().share();
  LoopRunner runner;
  Resolver resolver([answered](const std::string& host) -> Resolver::Answer {
    if (host == "localhost") return Resolver::AskSystem(host);
    answered.wait();
    return Error(Errc::kUnavailable, "too late");  // its thread may still run when the process ends
  });
  std::promise<Answer> found;
  runner.Call([&] {
    for (std::size_t i = 1; i < LookupThreads::kMost; ++i) {
      resolver.Start(runner.executor(), "dead" + std::to_string(i) + ".invalid", [](const Answer&) {});
    }
    resolver.Start(runner.executor(), "localhost", [&](Answer answer) { found.set_value(std::move(answer)); });
  });
  EXPECT_TRUE(*LoopRunner::Await(found.get_future()));
  until.set_value();
}

TEST(LookupThreadsTest, WhatComesWhenAllAreBusyIsDoneLater) {
  std::promise<void> until;
  const std::shared_future<void> answered = until.get_future().share();
  std::promise<void> done;
  {
    LookupThreads threads;
    for (std::size_t i = 0; i < LookupThreads::kMost; ++i) ASSERT_TRUE(threads.Run([answered] { answered.wait(); }));
    ASSERT_TRUE(threads.Run([&done] { done.set_value(); }));
  }
  std::future<void> last = done.get_future();
  EXPECT_EQ(last.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  until.set_value();
  LoopRunner::Await(std::move(last));
}

}  // namespace
}  // namespace portcall::http
