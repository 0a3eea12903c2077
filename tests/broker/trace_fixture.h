#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "broker/endpoint/lifecycle.h"
#include "broker/trace.h"
#include "store/dead_letters.h"
#include "tests/broker/broker_world.h"

namespace portcall::broker {

// A log, and cursors over it in states that the test writes.
class TraceTest : public ::testing::Test {
 protected:
  TraceTest() { entry_ = world_.Entry("hook"); }

  void Open(std::vector<config::Endpoint> entries) {
    config::Config config;
    config.endpoints = std::move(entries);
    ASSERT_TRUE(OpenEndpoints(world_.store(), config));
  }
  void Open() { Open({entry_}); }
  // The next settlement of the newest live cursor, that goes on up to here.
  store::Settlement Next(store::Seq settled_through) {
    store::Settlement settlement;
    for (const store::Cursor& cursor : world_.Cursors()) {
      settlement.cursor = cursor.id;
      settlement.number = cursor.settlements + 1;
    }
    settlement.settled_through = settled_through;
    settlement.through = settled_through;
    return settlement;
  }
  void Settle(const store::Settlement& settlement) {
    ASSERT_TRUE(world_.store().WriteNow([&](store::Tx& tx) { return store::Settle(tx, settlement); }));
  }
  template <class F>
  void Write(F f) {
    ASSERT_TRUE(world_.store().WriteNow([&](store::Tx& tx) -> Result<bool> {
      f(tx);
      return true;
    }));
  }
  Trace Of(store::Seq seq) {
    auto trace = world_.store().ReadNow([&](store::Snapshot& s) { return TraceEvent(s, seq); });
    EXPECT_TRUE(trace) << seq;
    return trace ? *std::move(trace) : Trace();
  }
  Verdict One(store::Seq seq) {
    Trace trace = Of(seq);
    EXPECT_EQ(trace.verdicts.size(), 1u) << seq;
    return trace.verdicts.empty() ? Verdict() : std::move(trace.verdicts.front());
  }
  static store::AttemptRow Row(store::Seq seq, int attempt, int status, const std::string& error = {}) {
    store::AttemptRow row;
    row.seq = seq;
    row.at = 1'000 + attempt;
    row.attempt = attempt;
    row.status = status;
    row.latency_us = 5'000;
    row.delivered = error.empty();
    row.error = error;
    return row;
  }
  store::DeadLetter Dead(store::Seq seq) {
    store::DeadLetter dead;
    dead.endpoint = entry_.name;
    dead.event.seq = seq;
    dead.event.id = "id-" + std::to_string(seq);
    dead.event.repository = "repo";
    dead.attempts = 3;
    dead.died_at = 77;
    dead.reason = "rejected";
    dead.answer = "400 no";
    return dead;
  }
  World world_;
  config::Endpoint entry_;
};

}  // namespace portcall::broker
