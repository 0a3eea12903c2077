#include "runtime/memory_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/support/temp_dir.h"

namespace portcall::runtime {
namespace {

constexpr std::uint64_t kFree = MemoryBudget::kFree;

TEST(MemoryBudget, BoundsWhatAllHoldTogether) {
  MemoryBudget budget(1'000);
  MemoryShare first(&budget), second(&budget);
  EXPECT_TRUE(first.Grow(kFree + 600));
  EXPECT_FALSE(second.Grow(kFree + 401));
  EXPECT_TRUE(second.Grow(kFree + 400));
  EXPECT_TRUE(second.Grow(kFree + 100)) << "less than it has";
  EXPECT_EQ(budget.held(), 1'000u);
  EXPECT_FALSE(first.Grow(kFree + 601));
  first.Release();
  EXPECT_EQ(budget.held(), 400u);
  EXPECT_TRUE(second.Grow(kFree + 1'000));
}

TEST(MemoryBudget, NeverRefusesWhatIsSmall) {
  MemoryBudget budget(0);
  MemoryShare share(&budget);
  EXPECT_TRUE(share.Grow(kFree));
  EXPECT_FALSE(share.Grow(kFree + 1));
  EXPECT_EQ(budget.held(), 0u);
  EXPECT_TRUE(MemoryShare().Grow(std::uint64_t{1} << 60)) << "nobody counts";
}

TEST(MemoryBudget, LeavesHalfToThoseWhoCannotDoWithLess) {
  MemoryBudget budget(1'000);
  MemoryShare first(&budget), second(&budget);
  EXPECT_TRUE(first.GrowIfAmple(kFree + 500));
  EXPECT_FALSE(second.GrowIfAmple(kFree + 1));
  EXPECT_TRUE(second.Grow(kFree + 500));
  EXPECT_TRUE(MemoryShare().GrowIfAmple(kFree + 1));
}

TEST(MemoryBudget, WhoCanDoWithLessTakesNothingOfTheOtherHalf) {
  MemoryBudget budget(1'000);
  MemoryShare first(&budget), second(&budget);
  EXPECT_FALSE(first.GrowIfAmple(kFree + 501));
  EXPECT_TRUE(first.GrowIfAmple(kFree + 499));
  EXPECT_FALSE(second.GrowIfAmple(kFree + 2));
}

// Holds a share for no use of its own.
class Hoarder final : public MemoryBudget::Keeper {
 public:
  explicit Hoarder(MemoryBudget& budget) : budget_(budget), share_(&budget) { budget_.Add(*this); }
  Hoarder(const Hoarder&) = delete;
  Hoarder& operator=(const Hoarder&) = delete;
  ~Hoarder() override { budget_.Remove(*this); }
  void LetGo(std::uint64_t bytes) override {
    share_.Shrink(kFree + share_.counted() - std::min(bytes, share_.counted()));
  }
  MemoryShare& share() { return share_; }

 private:
  MemoryBudget& budget_;
  MemoryShare share_;
};

TEST(MemoryBudget, WhatIsKeptForNoUseMakesRoomForWhoNeedsIt) {
  MemoryBudget budget(1'000);
  MemoryShare needs(&budget), can_do_with_less(&budget);
  {
    Hoarder hoarder(budget);
    ASSERT_TRUE(hoarder.share().Grow(kFree + 900));
    EXPECT_FALSE(can_do_with_less.GrowIfAmple(kFree + 1));
    EXPECT_TRUE(needs.Grow(kFree + 300));
    EXPECT_EQ(hoarder.share().counted(), 700u) << "no more than is needed";
    EXPECT_FALSE(needs.Grow(kFree + 1'001));
    EXPECT_EQ(hoarder.share().counted(), 700u) << "what can never be had costs nothing";
    EXPECT_TRUE(needs.Grow(kFree + 1'000));
    EXPECT_EQ(hoarder.share().counted(), 0u);
  }
  EXPECT_FALSE(can_do_with_less.Grow(kFree + 1)) << "nobody is left to ask";
}

TEST(MemoryBudget, GetsBackWhatAShareHeldOnceWhoeverHasIt) {
  MemoryBudget budget(1'000);
  {
    MemoryShare first(&budget);
    EXPECT_TRUE(first.Grow(kFree + 1'000));
    MemoryShare second = std::move(first);
    MemoryShare third(&budget);
    third = std::move(second);
    EXPECT_EQ(budget.held(), 1'000u);
  }
  EXPECT_EQ(budget.held(), 0u);
}

TEST(MemoryBudget, LetsSomeWait) {
  MemoryBudget budget(0);
  for (std::uint32_t i = 0; i < MemoryBudget::kWaiters; ++i) EXPECT_TRUE(budget.BeginWait());
  EXPECT_FALSE(budget.BeginWait());
  budget.EndWait();
  EXPECT_TRUE(budget.BeginWait());
}

class UsableMemoryTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((dir_.path() / path).parent_path());
    std::ofstream(dir_.path() / path) << text;
  }
  testing::TempDir dir_;
};

TEST_F(UsableMemoryTest, IsTheMachines) {
  EXPECT_EQ(UsableMemory(dir_.path()), 0u);
  Write("proc/meminfo", "MemFree:  5 kB\nMemTotal:       1000 kB\n");
  EXPECT_EQ(UsableMemory(dir_.path()), 1'024'000u);
  EXPECT_GT(UsableMemory(), 1u << 20);
}

TEST_F(UsableMemoryTest, OrWhatAGroupLeavesOfIt) {
  Write("proc/meminfo", "MemTotal:       1000 kB\n");
  Write("proc/self/cgroup", "0::/system.slice/portcall.service\n");
  Write("sys/fs/cgroup/system.slice/portcall.service/memory.max", "max\n");
  EXPECT_EQ(UsableMemory(dir_.path()), 1'024'000u);
  Write("sys/fs/cgroup/system.slice/memory.max", "5000\n");
  EXPECT_EQ(UsableMemory(dir_.path()), 5'000u);
  Write("sys/fs/cgroup/memory.max", "4000\n");
  EXPECT_EQ(UsableMemory(dir_.path()), 4'000u) << "as within a container";
  Write("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/x\n");
  EXPECT_EQ(UsableMemory(dir_.path()), 1'024'000u);
  Write("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "3000\n");
  EXPECT_EQ(UsableMemory(dir_.path()), 3'000u);
}

}  // namespace
}  // namespace portcall::runtime
