#include "broker/core/ledger.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

// The steady clock may begin anywhere: no reading of it is special.
class LedgerTest : public ::testing::TestWithParam<Ticks> {
 protected:
  const Ticks now_ = GetParam();
  Ledger ledger_;
};

TEST_P(LedgerTest, WritesSoonAfterTheFirstChange) {
  EXPECT_EQ(ledger_.due(), kNever);
  ledger_.Settled(now_);
  ledger_.Settled(now_ + 7);
  EXPECT_EQ(ledger_.due(), now_ + kFlushInterval);
}

TEST_P(LedgerTest, WhatOnlyMovesTheCursorWaitsLonger) {
  ledger_.TouchQuietly(now_);
  ledger_.TouchQuietly(now_ + 7);
  EXPECT_EQ(ledger_.due(), now_ + kQuietFlushInterval);
}

TEST_P(LedgerTest, AHurryWaitsForNoTime) {
  ledger_.Touch(now_);
  ledger_.Hurry();
  EXPECT_LT(ledger_.due(), now_);
}

TEST_P(LedgerTest, HalfOfWhatACrashMayRepeatWaitsForNoTime) {
  for (std::int64_t i = 0; i < kFlushEvents; ++i) ledger_.Settled(now_);
  EXPECT_LT(ledger_.due(), now_);
  EXPECT_EQ(ledger_.exposed(), kFlushEvents);
}

TEST_P(LedgerTest, OneSettlementIsUnderWayAtATimeAndTakesEverything) {
  store::Event event;
  event.seq = 3;
  ledger_.Delivered(event, 40, 200, 10);
  ledger_.Delivered(event, 41, 200, 30);
  ledger_.Settled(now_);
  store::Settlement settlement;
  ledger_.Take(settlement, 0);
  ASSERT_EQ(settlement.attempts.size(), 1u);
  EXPECT_EQ(settlement.attempts[0].events, 2);
  EXPECT_EQ(settlement.attempts[0].latency_us, 20);
  ledger_.Settled(now_);
  EXPECT_EQ(ledger_.due(), kNever);
  EXPECT_EQ(ledger_.exposed(), 2) << "what is under way is not on disk yet";
  ledger_.Flushed();
  EXPECT_EQ(ledger_.due(), now_ + kFlushInterval);
  EXPECT_EQ(ledger_.exposed(), 1);
}

INSTANTIATE_TEST_SUITE_P(Times, LedgerTest, ::testing::Values(-kSecond, 0, 3'600 * kSecond), [](const auto& at) {
  return std::string(at.param < 0 ? "Before" : at.param ? "After" : "Zero");
});

}  // namespace
}  // namespace portcall::broker
