#include "app/server/aside.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

namespace portcall::app {
namespace {

using namespace std::chrono_literals;

TEST(Aside, AJobThatHangsHoldsUpOthersAndNotItsOwner) {
  std::promise<void> answer;
  int ran = 0;
  Aside aside;
  EXPECT_TRUE(aside.OverWithin(0ms)) << "there is none";
  ASSERT_TRUE(aside.Start([&ran, disk = answer.get_future().share()] {
    disk.wait();
    ++ran;
  }));
  EXPECT_FALSE(aside.OverWithin(10ms));
  const auto refused = aside.Start([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  answer.set_value();
  aside.Await();
  EXPECT_EQ(ran, 1);
  ASSERT_TRUE(aside.Start([&ran] { ++ran; }));
  EXPECT_TRUE(aside.OverWithin(10s));
  EXPECT_EQ(ran, 2);
}

TEST(Aside, WhatLeavesAJobComesToWhoGoesOn) {
  Aside aside;
  ASSERT_TRUE(aside.Start([] { throw std::runtime_error("a bug"); }));
  EXPECT_THROW(aside.Await(), std::runtime_error);
}

}  // namespace
}  // namespace portcall::app
