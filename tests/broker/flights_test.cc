#include "broker/core/flights.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

TEST(Flights, IdsGrowAndThoseUnderWayAreCounted) {
  Flights flights;
  EXPECT_EQ(flights.Begin(10), 1u);
  EXPECT_EQ(flights.Begin(10), 2u);
  EXPECT_EQ(flights.next(), 3u);
  EXPECT_EQ(flights.bytes(), 20u);
  flights.End(10);
  EXPECT_EQ(flights.under_way(), 1);
  EXPECT_EQ(flights.bytes(), 10u);
}

TEST(Flights, WhatIsSetAsideIsCountedApart) {
  Flights flights;
  const AttemptId first = flights.Begin(10);
  flights.Begin(7, /*aside=*/true);
  flights.End(10);
  Attempt attempt;
  attempt.id = first;
  flights.SetAside(attempt, 10);
  EXPECT_EQ(flights.under_way(), 2);
  EXPECT_EQ(flights.asides(), 2);
  EXPECT_EQ(flights.sending(), 0);
  EXPECT_EQ(flights.aside_bytes(), 17u);
  flights.End(10, /*aside=*/true);
  EXPECT_EQ(flights.asides(), 1);
  EXPECT_EQ(flights.aside_bytes(), 7u);
  EXPECT_EQ(flights.bytes(), 7u);
}

TEST(Flights, GivesBackWhatEndedBeforeItsTurn) {
  Flights flights;
  sinks::Outcome outcome;
  outcome.error = "answered 503";
  flights.KeepFailure(2, outcome);
  flights.KeepDelivery();
  EXPECT_EQ(flights.early(), 2);
  EXPECT_EQ(flights.TakeFailure(2).error, "answered 503");
  flights.TakeDelivery();
  EXPECT_EQ(flights.early(), 0);
}

TEST(FlightsDeathTest, NothingEndsThatDidNotBegin) {
  Flights flights;
  EXPECT_DEATH(flights.End(10), "under_way_");
  EXPECT_DEATH(flights.TakeFailure(1), "early_");
}

}  // namespace
}  // namespace portcall::broker
