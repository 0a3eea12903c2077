#include "broker/broker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <set>

#include "tests/broker/broker_world.h"

namespace portcall::broker {
namespace {

class BrokerTest : public ::testing::Test {
 protected:
  double Gauge(const std::string& name) const {  // of the endpoint "hook"
    const std::string text = world_.Metrics(), series = "\n" + name + "{endpoint=\"hook\"} ";
    const auto at = text.find(series);
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + series.size()));
  }
  World world_;
};

TEST_F(BrokerTest, DeliversWhatIsAppendedAndSettlesIt) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  for (int i = 0; i < 20; ++i) world_.Append("repo" + std::to_string(i % 3), 5);
  ASSERT_TRUE(world_.receiver("hook").Await(100));
  EXPECT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == 100; }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
  EXPECT_EQ(world_.StatusOf("hook").successes, 100u);
}

TEST_F(BrokerTest, ADeadEndpointDelaysNoOther) {
  world_.receiver("dead").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("dead"), world_.Entry("hook")}));
  world_.Append("repo", 5'000);
  ASSERT_TRUE(world_.receiver("hook").Await(5'000));
  const EndpointStatus dead = world_.StatusOf("dead");
  EXPECT_EQ(dead.pending, 5'000);
  EXPECT_GT(dead.oldest_pending, std::chrono::nanoseconds(0));
}

TEST_F(BrokerTest, ABacklogBeyondTheRingSurvivesARestart) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  for (int i = 0; i < 30; ++i) world_.Append("repo" + std::to_string(i), 300);
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").breaker != BreakerState::kClosed; }));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 9'000; }));
  world_.Stop();
  world_.receiver("hook").Set(nullptr);
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_EQ(world_.StatusOf("hook").pending, 9'000);
  world_.receiver("hook").Hold(false);
  ASSERT_TRUE(world_.receiver("hook").Await(9'000));
  const auto accepted = world_.receiver("hook").accepted();
  EXPECT_EQ(std::set<store::Seq>(accepted.begin(), accepted.end()).size(), 9'000u);
  EXPECT_EQ(accepted.size(), 9'000u);  // an orderly stop sends nothing twice
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 0; }));
}

TEST_F(BrokerTest, ASinkIsOpenedWithItsLastReceipt) {
  Receiver& receiver = world_.receiver("hook");
  receiver.Set([](const store::Event& event) {
    sinks::Outcome outcome = Receiver::Accept();
    outcome.receipt = "up to " + std::to_string(event.seq);
    return outcome;
  });
  config::Endpoint entry = world_.Entry("hook");
  ASSERT_TRUE(world_.Start({entry}));
  EXPECT_EQ(receiver.receipt(), "");
  world_.Append("repo", 5);
  ASSERT_TRUE(receiver.Await(5));
  entry.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry}));
  EXPECT_EQ(receiver.receipt(), "up to 5");
  world_.Append("repo", 2);
  ASSERT_TRUE(receiver.Await(7));
  world_.Stop();
  ASSERT_TRUE(world_.Start({entry}));
  EXPECT_EQ(receiver.receipt(), "up to 7");
  entry.was = std::exchange(entry.name, "renamed");
  ASSERT_TRUE(world_.Apply({entry}));
  EXPECT_EQ(world_.receiver("renamed").receipt(), "up to 7");
}

TEST_F(BrokerTest, AnOrderlyStopSettlesWhatWasDelivered) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 50);
  ASSERT_TRUE(world_.receiver("hook").Await(50));
  world_.Stop();
  EXPECT_EQ(world_.Cursors().front().settled_through, 50);
  EXPECT_EQ(world_.Cursors().front().settled, 50);
}

TEST_F(BrokerTest, ARejectedEventBecomesADeadLetter) {
  world_.receiver("hook").Set(
      [](const store::Event& e) { return e.seq == 2 ? Receiver::Fail(400) : Receiver::Accept(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.receiver("hook").Await(2));
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  EXPECT_EQ(world_.Dead("hook").front().event.seq, 2);
  EXPECT_EQ(world_.Dead("hook").front().reason, "rejected");
  EXPECT_NE(world_.Metrics().find("registry_notifications_delivery_total{delivery_type=\"lost\",endpoint=\"hook\"} 1"),
            std::string::npos);
}

TEST_F(BrokerTest, GoneIsRememberedUntilTheEntryChanges) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(410); });
  auto entry = world_.Entry("hook");
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").paused; }));
  EXPECT_TRUE(world_.Eventually([&] { return Gauge("portcall_notifications_paused") == 1; }));
  world_.receiver("hook").Set(nullptr);
  world_.Stop();
  world_.ForgetMetrics();
  ASSERT_TRUE(world_.Start({entry}));
  EXPECT_TRUE(world_.StatusOf("hook").paused);
  EXPECT_EQ(Gauge("portcall_notifications_paused"), 1);
  EXPECT_EQ(world_.StatusOf("hook").pending, 3);
  entry.url = "http://elsewhere";
  entry.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry}));
  EXPECT_TRUE(world_.receiver("hook").Await(3));
  EXPECT_FALSE(world_.StatusOf("hook").paused);
  EXPECT_EQ(Gauge("portcall_notifications_paused"), 0);
}

TEST_F(BrokerTest, ANightOfAnOpenBreakerLosesNothingAtTheNextStart) {
  std::atomic<int> failed = 0;
  world_.receiver("ci").Set([&](const store::Event&) {
    ++failed;
    return Receiver::Fail();
  });
  auto entry = world_.Entry("ci");
  entry.threshold = 1;
  entry.max_age = std::chrono::hours(6);
  ASSERT_TRUE(world_.Start({entry}));
  for (const char* repository : {"a", "b", "c"}) world_.Append(repository);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("ci").breaker == BreakerState::kOpen && failed >= 3; }));
  world_.clock().Advance(std::chrono::hours(12));
  world_.Stop();
  world_.clock().Advance(std::chrono::hours(12));
  failed = 0;
  ASSERT_TRUE(world_.Start({entry}));
  ASSERT_TRUE(world_.Eventually([&] { return failed >= 3; }));
  world_.receiver("ci").Set(nullptr);
  ASSERT_TRUE(world_.receiver("ci").Await(3));
  EXPECT_TRUE(world_.Dead("ci").empty());
}

TEST_F(BrokerTest, GaugesAreTrueAsSoonAsItHasStarted) {
  world_.receiver("hook").Set(
      [](const store::Event& e) { return e.seq == 1 ? Receiver::Fail(400) : Receiver::Fail(503); });
  auto entry = world_.Entry("hook");
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  world_.Stop();
  world_.receiver("hook").Hold(true);
  world_.ForgetMetrics();
  ASSERT_TRUE(world_.Start({entry}));
  EXPECT_EQ(Gauge("registry_notifications_pending"), 2);
  EXPECT_EQ(Gauge("portcall_notifications_dead_letters"), 1);
  EXPECT_GT(Gauge("portcall_notifications_oldest_pending_seconds"), 0);
  world_.Stop();
  world_.ForgetMetrics();
  ASSERT_TRUE(world_.Start({}));
  ASSERT_TRUE(world_.Apply({world_.Entry("late"), world_.Entry("hook")}));
  EXPECT_EQ(Gauge("portcall_notifications_dead_letters"), 1);
}

TEST_F(BrokerTest, DeadLettersThatAreDeletedAreShownNoMore) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(400); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return Gauge("portcall_notifications_dead_letters") == 3; }));
  world_.clock().Advance(std::chrono::days(31));
  EXPECT_TRUE(world_.Eventually([&] { return Gauge("portcall_notifications_dead_letters") == 0; }));
  EXPECT_EQ(world_.StatusOf("hook").dead_letters, 0);
}

TEST_F(BrokerTest, EventsAreCountedInTotalWhereverTheyAreReadFrom) {
  world_.receiver("hook").Hold(true);
  auto entry = world_.Entry("hook");
  entry.from = "earliest";
  world_.details = std::string(2'000, 'x');
  world_.Append("repo", 12'000);  // more than the ring holds
  ASSERT_TRUE(world_.Start({entry}));
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 12'000; }));
  EXPECT_EQ(world_.StatusOf("hook").events, 12'000u);
  entry.ignore.actions = {"pull"};
  entry.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry}));
  ASSERT_TRUE(world_.Eventually([&] { return !world_.StatusOf("hook").pending_is_estimate; }));
  EXPECT_EQ(world_.StatusOf("hook").events, 0u) << "what is counted anew is nothing new";
}

TEST_F(BrokerTest, AddressesAreShownWithoutSecrets) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  EXPECT_EQ(world_.StatusOf("hook").url, "http://receiver/hook");
}

TEST_F(BrokerTest, AFileWithABadEndpointChangesNothing) {
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  auto bad = world_.Entry("other");
  bad.url = "bad";
  EXPECT_FALSE(world_.Apply({bad}));
  world_.Append("repo");
  EXPECT_TRUE(world_.receiver("hook").Await(1));
  EXPECT_EQ(world_.Cursors().size(), 1u);
}

TEST_F(BrokerTest, ARemovedEndpointIsAnOrphanAndComesBackAtLatest) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("repo", 7);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 7; }));
  ASSERT_TRUE(world_.Apply({}));
  EXPECT_TRUE(world_.StatusOf("hook").orphaned);
  EXPECT_EQ(world_.StatusOf("hook").pending, 7);
  world_.receiver("hook").Set(nullptr);
  ASSERT_TRUE(world_.Apply({world_.Entry("hook")}));
  world_.Append("repo");
  ASSERT_TRUE(world_.receiver("hook").Await(1));
  EXPECT_EQ(world_.receiver("hook").accepted(), std::vector<store::Seq>{8});
}

TEST_F(BrokerTest, WhatTheRingNoLongerHasIsCountedFromTheLog) {
  world_.receiver("hook").Hold(true);
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.details = std::string(2'000, 'x');
  world_.Append("repo", 12'000);  // at once more than the ring holds
  EXPECT_TRUE(world_.Eventually([&] {
    const EndpointStatus status = world_.StatusOf("hook");
    return status.pending == 12'000 && !status.pending_is_estimate;
  }));
}

TEST_F(BrokerTest, AChangedFilterIsCountedAnew) {
  world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
  auto entry = world_.Entry("hook");
  ASSERT_TRUE(world_.Start({entry}));
  world_.Append("a", 40);
  world_.Append("b", 60, store::Action::kPull);
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == 100; }));
  entry.ignore.actions = {"pull"};
  entry.fingerprint = "changed";
  ASSERT_TRUE(world_.Apply({entry}));
  EXPECT_TRUE(world_.Eventually([&] {
    const EndpointStatus status = world_.StatusOf("hook");
    return status.pending == 40 && !status.pending_is_estimate;
  }));
}

TEST_F(BrokerTest, APipelinedSinkGetsALaneInOrderAndAtOnce) {
  ASSERT_TRUE(world_.Start({world_.Pipelined("stream")}));
  world_.Append("repo", 3'000);
  ASSERT_TRUE(world_.receiver("stream").Await(3'000));
  EXPECT_TRUE(std::ranges::is_sorted(world_.receiver("stream").accepted()));
  world_.receiver("stream").Hold(true);
  world_.Append("repo", 3'000);
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("stream").in_flight == 3'000; }));
  world_.receiver("stream").Hold(false);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == 6'000; }));
}

TEST_F(BrokerTest, WhatNoRepetitionCanHelpIsADeadLetterAtOnce) {
  world_.receiver("stream").Set([](const store::Event& e) {
    if (e.seq != 2) return Receiver::Accept();
    sinks::Outcome outcome;
    outcome.verdict = sinks::Verdict::kUndeliverable;
    outcome.error = "message too large";
    return outcome;
  });
  ASSERT_TRUE(world_.Start({world_.Pipelined("stream")}));
  world_.Append("repo", 3);
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("stream").size() == 1; }));
  EXPECT_EQ(world_.Dead("stream").front().reason, "undeliverable: message too large");
  EXPECT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == 3; }));
}

TEST_F(BrokerTest, ASettlementWhoseOutcomeIsUnknownIsMadeOnce) {
  world_.receiver("hook").Set(
      [](const store::Event& e) { return e.seq == 2 ? Receiver::Fail(400) : Receiver::Accept(); });
  ASSERT_TRUE(world_.Start({world_.Entry("hook")}));
  world_.Append("a");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == 1; }));
  world_.receiver("hook").Hold(true);
  world_.Append("a");
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").in_flight == 1; }));
  world_.HideNextOutcome();
  world_.receiver("hook").Hold(false);
  ASSERT_TRUE(world_.Eventually([&] { return world_.Dead("hook").size() == 1; }));
  world_.Append("a");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == 3; }));
  EXPECT_EQ(world_.Dead("hook").size(), 1u);
  EXPECT_EQ(world_.Attempts("hook", 2), 3);
  EXPECT_EQ(world_.StatusOf("hook").pending, 0);
}

TEST_F(BrokerTest, TroubleOfASinkIsShown) {
  world_.receiver("stream").Hold(true);
  world_.receiver("stream").SetTrouble("no broker answers");
  ASSERT_TRUE(world_.Start({world_.Pipelined("stream")}));
  world_.Append("repo");
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("stream").reason == "no broker answers"; }));
  world_.receiver("stream").SetTrouble("");
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("stream").reason.empty(); }));
  world_.receiver("stream").Hold(false);
}

TEST_F(BrokerTest, OnlyTheNewestPushOfATagStartsAPipeline) {
  auto entry = world_.Entry("ci");
  entry.collapse = true;
  entry.debounce = std::chrono::seconds(5);
  ASSERT_TRUE(world_.Start({entry}));
  for (int i = 0; i < 20; ++i) {
    for (const char* tag : {"v1", "v2"}) {
      world_.tag = tag;
      world_.Append("app");
    }
  }
  ASSERT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == 40; }));
  world_.Stop();  // what waits is stored with its due time
  EXPECT_TRUE(world_.receiver("ci").accepted().empty());
  ASSERT_TRUE(world_.Start({entry}));
  ASSERT_TRUE(world_.receiver("ci").Await(2));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("ci").pending == 0; }));
  auto accepted = world_.receiver("ci").accepted();
  std::ranges::sort(accepted);
  EXPECT_EQ(accepted, (std::vector<store::Seq>{39, 40}));
  EXPECT_NE(world_.Metrics().find("portcall_notifications_superseded_total{endpoint=\"ci\"} 38"), std::string::npos);
}

TEST_F(BrokerTest, AfterAnOutageTheNewestOfEachTagIsSentOnce) {
  world_.receiver("ci").Set([](const store::Event&) { return Receiver::Fail(); });
  auto entry = world_.Entry("ci");
  entry.collapse = true;
  entry.threshold = 1;
  entry.backoff = entry.max_backoff = std::chrono::seconds(2);
  ASSERT_TRUE(world_.Start({entry}));
  world_.tag = "v1";
  world_.Append("app");
  ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("ci").breaker == BreakerState::kOpen; }));
  for (int i = 0; i < 30; ++i) {
    world_.tag = "v" + std::to_string(i % 3);
    world_.Append("app", 100);
  }
  world_.receiver("ci").Set(nullptr);
  ASSERT_TRUE(world_.receiver("ci").Await(3));
  EXPECT_TRUE(world_.Eventually([&] { return world_.StatusOf("ci").pending == 0; }));
  auto accepted = world_.receiver("ci").accepted();
  std::ranges::sort(accepted);
  EXPECT_EQ(accepted, (std::vector<store::Seq>{2'801, 2'901, 3'001}));
}

// Prints how fast a backlog drains into a sink that answers at once; PORTCALL_EVENTS sets its size.
class BrokerSpeedTest : public BrokerTest {
 protected:
  void Drain(const config::Endpoint& entry) {
    const char* wanted = std::getenv("PORTCALL_EVENTS");
    const int events = wanted == nullptr ? 20'000 : std::atoi(wanted);
    Receiver& receiver = world_.receiver(entry.name);
    receiver.Hold(true);
    ASSERT_TRUE(world_.Start({entry}));
    for (int i = 0; i < events; i += 100) world_.Append("repo" + std::to_string(i / 100 % 100), 100);
    const auto begin = std::chrono::steady_clock::now();
    receiver.Hold(false);
    ASSERT_TRUE(receiver.Await(static_cast<std::size_t>(events), std::chrono::seconds(60)));
    ASSERT_TRUE(world_.Eventually([&] { return world_.Cursors().front().settled_through == events; }));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    RecordProperty("events_per_second", static_cast<int>(events / took.count()));
    std::printf("%d events in %.3f s: %.0f/s\n", events, took.count(), events / took.count());
  }
};

TEST_F(BrokerSpeedTest, DrainsABacklog) { Drain(world_.Entry("hook")); }
TEST_F(BrokerSpeedTest, DrainsABacklogInPipelines) { Drain(world_.Pipelined("stream")); }

}  // namespace
}  // namespace portcall::broker
