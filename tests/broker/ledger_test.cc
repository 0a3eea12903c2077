#include "broker/core/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

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
  ledger_.Delivered(event, 40, 1, 200, 10);
  ledger_.Delivered(event, 41, 1, 200, 30);
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

// What became of each event is recorded: one row for those that ended in the same way, in one block of the log.
TEST_P(LedgerTest, EachEventIsInTheRowOfItsResult) {
  constexpr store::Seq kEdge = store::Seq{1} << store::kBlockBits;
  const auto of = [](store::Seq seq) {
    store::Event event;
    event.seq = seq;
    return event;
  };
  ledger_.Delivered(of(kEdge + 1), 10, 1, 200, 5);
  ledger_.Delivered(of(kEdge - 1), 20, 1, 200, 6);
  ledger_.Delivered(of(kEdge - 2), 30, 1, 202, 7);
  ledger_.Delivered(of(kEdge - 3), 40, 1, 200, 8);
  ledger_.Delivered(of(kEdge - 4), 50, 3, 200, 9);
  ledger_.Superseded(of(7), 60, "x");
  ledger_.Superseded(of(8), 60, "x");
  ledger_.Superseded(of(9), 70, "y");
  store::Settlement settlement;
  ledger_.Take(settlement, 0);
  std::vector<std::string> rows;
  for (const store::AttemptRow& row : settlement.attempts) {
    std::string& text = rows.emplace_back(std::to_string(row.seq - kEdge) + " " + std::to_string(row.events) + " " +
                                          std::to_string(row.attempt) + " " + std::to_string(row.status) + row.error);
    for (const store::SettledEvent& event : row.each) text += " " + std::to_string(event.at);
  }
  EXPECT_THAT(rows, ::testing::ElementsAre("-4 1 3 200", "-3 2 1 200 40 20", "1 1 1 200", "-2 1 1 202",
                                           "-8185 2 0 0superseded by x 60 60", "-8183 1 0 0superseded by y"));
  EXPECT_EQ(settlement.attempts[1].latency_us, 7);
  ledger_.Flushed();
  store::Settlement later;
  ledger_.Take(later, 0);
  EXPECT_TRUE(later.attempts.empty()) << "each is recorded once";
}

INSTANTIATE_TEST_SUITE_P(Times, LedgerTest, ::testing::Values(-kSecond, 0, 3'600 * kSecond), [](const auto& at) {
  return std::string(at.param < 0 ? "Before" : at.param ? "After" : "Zero");
});

}  // namespace
}  // namespace portcall::broker
