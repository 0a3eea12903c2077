#include "broker/tail/catch_up_reader.h"

#include <gtest/gtest.h>

#include <future>
#include <set>
#include <vector>

#include "tests/broker/broker_world.h"
#include "tests/broker/held_readers.h"
#include "tests/support/loop_runner.h"

namespace portcall::broker {
namespace {

constexpr bool kGoOn = false;

Task<std::vector<store::Seq>> ReadAll(CatchUpReader& reader, store::Seq after, store::Seq head) {
  std::vector<store::Seq> seqs;
  while (after < head) {
    auto chunk = co_await reader.Read(after, head, kGoOn);
    if (!chunk) break;
    for (const auto& event : *chunk->events) {
      if (event->seq > after) seqs.push_back(event->seq);
    }
    after = chunk->through;
  }
  co_return seqs;
}

TEST(CatchUpReader, ReadsTheLogOnceInPagesForEveryone) {
  testing::LoopRunner runner;
  World world;
  for (int i = 0; i < 50; ++i) world.Append("repo", 100);
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
  testing::LoopRunner runner;
  World world;
  world.Append("repo", 10);
  CatchUpReader reader(world.store(), runner.executor());
  EXPECT_EQ(runner.Run(ReadAll(reader, 0, 10)).size(), 10u);
  world.Append("repo", 10);
  EXPECT_EQ(runner.Run(ReadAll(reader, 5, 20)).size(), 15u);
  runner.Run(reader.Stop());
}

TEST(CatchUpReader, LargeEventsMakeSmallPages) {
  testing::LoopRunner runner;
  World world;
  world.Append("repo", 3);
  world.details = std::string(3 << 20, 'x');
  world.Append("repo", 10);
  world.details.clear();
  world.Append("repo", 3);
  CatchUpReader reader(world.store(), runner.executor());
  const auto chunk = runner.Run(reader.Read(8, 16, kGoOn));
  ASSERT_TRUE(chunk);
  EXPECT_LE(chunk->events->size(), 3u);
  const auto all = runner.Run(ReadAll(reader, 0, 16)), rest = runner.Run(ReadAll(reader, 10, 16));
  EXPECT_EQ(all.size(), 16u);
  EXPECT_EQ(rest, (std::vector<store::Seq>{11, 12, 13, 14, 15, 16}));
  runner.Run(reader.Stop());
}

// Each a query of its own: it does not come to the end of its block, so nothing is kept or read ahead.
Task<> ReadOne(CatchUpReader& reader, store::Seq block, std::vector<store::Seq>& ended) {
  const store::Seq before = block * CatchUpReader::kPageEvents;
  const auto chunk = co_await reader.Read(before, before + 1, kGoOn);
  if (chunk && chunk->events->size() == 1 && chunk->events->front()->seq == before + 1) ended.push_back(block);
}

TEST(CatchUpReader, QueriesTakeTurnsInTheOrderAsked) {
  constexpr store::Seq kAsked = 10;
  testing::LoopRunner runner;
  World world;
  world.Append("repo", static_cast<int>(kAsked * CatchUpReader::kPageEvents));
  std::vector<store::Seq> ended;
  CatchUpReader reader(world.store(), runner.executor());
  std::vector<std::future<void>> asked;
  asked.reserve(static_cast<std::size_t>(kAsked));
  for (store::Seq block = 0; block < kAsked; ++block) asked.push_back(runner.Start(ReadOne(reader, block, ended)));
  for (auto& one : asked) runner.Await(std::move(one));
  ASSERT_EQ(ended.size(), static_cast<std::size_t>(kAsked));
  // Two run at a time, so all but one of those asked before have ended by the time that one does.
  for (store::Seq place = 0; place < kAsked; ++place) EXPECT_LE(ended[static_cast<std::size_t>(place)], place + 1);
  runner.Run(reader.Stop());
}

TEST(CatchUpReader, WhatTheLogGainedBeforeAnybodyToldTheRingIsPutThere) {
  World world;
  world.Append("repo", 5);
  EventRing ring(2);
  ASSERT_TRUE(ReadNewest(ring, world.store()));
  EXPECT_EQ(ring.head(), 5);
  std::vector<store::EventPtr> events;
  store::Seq through = 0;
  ASSERT_TRUE(ring.ReadAfter(2, 10, events, through));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events.front()->seq, 3);
  EXPECT_TRUE(ring.Append({})) << "readers want to be told of what comes";
}

TEST(CatchUpReader, OneQueryServesAllWhoWaitForAPage) {
  testing::LoopRunner runner;
  World world;
  world.Append("repo", 10);
  CatchUpReader reader(world.store(), runner.executor());
  std::vector<std::future<Result<CatchUpReader::Chunk>>> asked;
  {
    const HeldReaders held(world);
    for (int i = 0; i < 5; ++i) asked.push_back(runner.Start(reader.Read(i, 10, kGoOn)));
    runner.Call([] {});
  }
  std::set<const void*> pages;
  for (auto& one : asked) {
    const auto chunk = runner.Await(std::move(one));
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->through, 10);
    pages.insert(chunk->events.get());
  }
  EXPECT_EQ(pages.size(), 1u) << "also where it ends with the log, and is not kept";
  runner.Run(reader.Stop());
}

TEST(CatchUpReader, ReadsThatHaveNotBegunEndWhenTheyAreCalledOff) {
  testing::LoopRunner runner;
  World world;
  for (int i = 0; i < 41; ++i) world.Append("repo", 100);
  CatchUpReader reader(world.store(), runner.executor());
  bool called_off = false;
  std::vector<std::future<Result<CatchUpReader::Chunk>>> going, ending;
  std::vector<std::future<Result<store::Portion>>> lanes;
  {
    const HeldReaders held(world);
    const auto lane = [&](const bool& off) {
      lanes.push_back(runner.Start(reader.ReadLane("repo", 0, 4'100, store::Limit{10}, off)));
    };
    going.push_back(runner.Start(reader.Read(0, 4'100, kGoOn)));            // and the page behind it
    ending.push_back(runner.Start(reader.Read(1, 4'100, called_off)));      // waits for the same page
    ending.push_back(runner.Start(reader.Read(3'000, 4'100, called_off)));  // waits for its turn
    going.push_back(runner.Start(reader.Read(3'001, 4'100, kGoOn)));  // waits for the page of one that is called off
    for (const bool* off : std::vector<const bool*>{&kGoOn, &kGoOn, &called_off, &kGoOn}) lane(*off);
    runner.Call([&] {
      called_off = true;
      reader.LookAgain();
    });
    for (auto& one : ending) {
      const auto chunk = runner.Await(std::move(one));
      ASSERT_FALSE(chunk);
      EXPECT_EQ(chunk.error().code, Errc::kCancelled);
    }
    EXPECT_FALSE(runner.Await(std::move(lanes[2])));
  }
  for (auto& one : going) EXPECT_TRUE(runner.Await(std::move(one)));
  for (const std::size_t i : {0u, 1u, 3u}) EXPECT_TRUE(runner.Await(std::move(lanes[i])));
  runner.Run(reader.Stop());
}

}  // namespace
}  // namespace portcall::broker
