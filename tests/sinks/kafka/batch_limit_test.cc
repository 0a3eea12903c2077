#include "sinks/kafka/batch_limit.h"

#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using Ride = KafkaBatchLimit::Ride;
using Fault = KafkaBatchLimit::Fault;

constexpr runtime::SteadyTime kStart{};

// Messages of 100 bytes that are under way when the broker refuses the batch they make.
void RefuseBatch(KafkaBatchLimit& limit, int messages, Fault fault = Fault::kSize) {
  for (int i = 0; i < messages; ++i) limit.Began(100);
  for (int i = 0; i < messages; ++i) {
    limit.Refused(100, fault);
    limit.Ended(100);
  }
  limit.Shrink(kStart);
}

void Store(KafkaBatchLimit& limit, int messages, runtime::SteadyTime now = kStart) {
  for (int i = 0; i < messages; ++i) {
    limit.Began(100);
    limit.Stored(100, now);
    limit.Ended(100);
  }
}

TEST(KafkaBatchLimit, BoundsNothingUntilABatchIsRefused) {
  KafkaBatchLimit limit(1'000);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(limit.Admits(100));
    limit.Began(100);
  }
}

TEST(KafkaBatchLimit, ARefusedBatchIsFollowedByPartsOfIt) {
  KafkaBatchLimit limit(1'000'000);
  RefuseBatch(limit, 40);
  EXPECT_EQ(limit.bytes(), 1'000u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(limit.Admits(100));
    limit.Began(100);
  }
  EXPECT_FALSE(limit.Admits(100));
  limit.Ended(100);
  EXPECT_TRUE(limit.Admits(100));
}

TEST(KafkaBatchLimit, WhatIsLargerThanAllThatMayLeaveTravelsAlone) {
  KafkaBatchLimit limit(1'000'000);
  RefuseBatch(limit, 40);
  limit.Began(100);
  EXPECT_FALSE(limit.Admits(5'000));
  limit.Ended(100);
  EXPECT_TRUE(limit.Admits(5'000));
  const Ride ride = limit.Began(5'000);
  EXPECT_FALSE(limit.Admits(1));
  EXPECT_TRUE(limit.Alone(ride, 5'000));
}

TEST(KafkaBatchLimit, AMessageIsToBlameIfNoOtherWasUnderWayWithIt) {
  KafkaBatchLimit limit(1'000);
  const Ride alone = limit.Began(100);
  EXPECT_TRUE(limit.Alone(alone, 100));
  const Ride second = limit.Began(100);
  EXPECT_FALSE(limit.Alone(alone, 100));
  EXPECT_FALSE(limit.Alone(second, 100));
  limit.Ended(100);
  EXPECT_FALSE(limit.Alone(second, 100)) << "those that were refused together are reported one after another";
  EXPECT_TRUE(limit.Alone(second, 2'000)) << "librdkafka makes a batch of its own for it";
}

TEST(KafkaBatchLimit, GrowsAgainButNotToWhatWasRefused) {
  KafkaBatchLimit limit(1'000'000);
  RefuseBatch(limit, 40);
  Store(limit, 10);
  EXPECT_EQ(limit.bytes(), 2'000u);
  Store(limit, 10'000);
  EXPECT_EQ(limit.bytes(), 2'000u) << "4,000 were refused";
  Store(limit, 100'000, kStart + 31min);
  EXPECT_EQ(limit.bytes(), 1'000'000u);
  RefuseBatch(limit, 40);
  EXPECT_EQ(limit.bytes(), 1'000u);
}

TEST(KafkaBatchLimit, OneTooLargeMessageLimitsNothingOnceItIsKnown) {
  KafkaBatchLimit limit(1'000);
  RefuseBatch(limit, 10);
  RefuseBatch(limit, 2);
  EXPECT_LT(limit.bytes(), 100u);
  limit.Began(5'000);
  limit.Guilty(5'000, Fault::kSize);
  limit.Ended(5'000);
  Store(limit, 100);
  EXPECT_EQ(limit.bytes(), 1'000u);
}

TEST(KafkaBatchLimit, AMessageThatIsRefusedForWhatItIsLimitsNothingOnceItIsKnown) {
  KafkaBatchLimit limit(1'000);
  RefuseBatch(limit, 10, Fault::kContent);
  RefuseBatch(limit, 2, Fault::kContent);
  EXPECT_LT(limit.bytes(), 100u);
  limit.Began(100);
  limit.Guilty(100, Fault::kContent);
  limit.Ended(100);
  Store(limit, 100);
  EXPECT_EQ(limit.bytes(), 1'000u);
}

TEST(KafkaBatchLimit, WhatWasRefusedForOneMessageAndIsStoredLaterLimitsNothing) {
  KafkaBatchLimit limit(1'000'000);
  RefuseBatch(limit, 40, Fault::kContent);
  Store(limit, 39);
  EXPECT_LT(limit.bytes(), 4'000u) << "it may be the last one";
  Store(limit, 20'000);
  EXPECT_EQ(limit.bytes(), 1'000'000u);
}

TEST(KafkaBatchLimit, AMessageAlwaysGetsThrough) {
  KafkaBatchLimit limit(1'000);
  for (int i = 0; i < 20; ++i) RefuseBatch(limit, 2);
  EXPECT_EQ(limit.bytes(), 1u);
  EXPECT_TRUE(limit.Admits(100));
}

}  // namespace
}  // namespace portcall::sinks
