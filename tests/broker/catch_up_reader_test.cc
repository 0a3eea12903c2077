#include "broker/tail/catch_up_reader.h"

#include <gtest/gtest.h>

#include "tests/broker/broker_world.h"
#include "tests/support/loop_runner.h"

namespace portcall::broker {
namespace {

Task<std::vector<store::Seq>> ReadAll(CatchUpReader& reader, store::Seq after, store::Seq head) {
  std::vector<store::Seq> seqs;
  while (after < head) {
    auto chunk = co_await reader.Read(after, head);
    if (!chunk) break;
    for (const auto& event : *chunk->events) {
      if (event->seq > after) seqs.push_back(event->seq);
    }
    after = chunk->through;
  }
  co_return seqs;
}

TEST(CatchUpReader, ReadsTheLogOnceInPagesForEveryone) {
  World world;
  for (int i = 0; i < 50; ++i) world.Append("repo", 100);
  testing::LoopRunner runner;
  CatchUpReader reader(world.store(), runner.executor());
  auto first = runner.Start(ReadAll(reader, 0, 5'000)), second = runner.Start(ReadAll(reader, 1'500, 5'000));
  const auto all = runner.Await(std::move(first)), some = runner.Await(std::move(second));
  ASSERT_EQ(all.size(), 5'000u);
  EXPECT_EQ(all.front(), 1);
  EXPECT_EQ(all.back(), 5'000);
  ASSERT_EQ(some.size(), 3'500u);
  EXPECT_EQ(some.front(), 1'501);
  runner.Run(reader.Stop());
}

TEST(CatchUpReader, TheLastPageGrowsWithTheLog) {
  World world;
  world.Append("repo", 10);
  testing::LoopRunner runner;
  CatchUpReader reader(world.store(), runner.executor());
  EXPECT_EQ(runner.Run(ReadAll(reader, 0, 10)).size(), 10u);
  world.Append("repo", 10);
  EXPECT_EQ(runner.Run(ReadAll(reader, 5, 20)).size(), 15u);
  runner.Run(reader.Stop());
}

TEST(CatchUpReader, LargeEventsMakeSmallPages) {
  World world;
  world.Append("repo", 3);
  world.details = std::string(3 << 20, 'x');
  world.Append("repo", 10);
  world.details.clear();
  world.Append("repo", 3);
  testing::LoopRunner runner;
  CatchUpReader reader(world.store(), runner.executor());
  const auto chunk = runner.Run(reader.Read(8, 16));
  ASSERT_TRUE(chunk);
  EXPECT_LE(chunk->events->size(), 3u);
  const auto all = runner.Run(ReadAll(reader, 0, 16)), rest = runner.Run(ReadAll(reader, 10, 16));
  EXPECT_EQ(all.size(), 16u);
  EXPECT_EQ(rest, (std::vector<store::Seq>{11, 12, 13, 14, 15, 16}));
  runner.Run(reader.Stop());
}

}  // namespace
}  // namespace portcall::broker
