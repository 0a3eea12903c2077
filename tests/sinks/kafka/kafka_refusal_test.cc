#include "tests/sinks/kafka/kafka_sink_world.h"

// What brokers refuse, and what that means for the rest.
namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::LoopRunner;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Pair;
using ::testing::SizeIs;

TEST_F(KafkaSinkTest, AMissingRightIsNamedAndTheEventsWaitInOrder) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  std::vector<std::future<Outcome>> sent;
  for (int i = 2; i <= 4; ++i) sent.push_back(Start(EventOf(i)));
  std::vector<Outcome> outcomes;
  for (auto& outcome : sent) outcomes.push_back(LoopRunner::Await(std::move(outcome)));
  for (const Outcome& outcome : outcomes) EXPECT_THAT(outcome, Is(Verdict::kFailed));
  EXPECT_THAT(outcomes.front().error, HasSubstr("topic events: not authorized to write: grant WRITE"));
  // The right is there now, and a probe finds it.
  const Outcome again = Until([&] { return Deliver(EventOf(2)); },
                              [](const Outcome& outcome) { return outcome.verdict == Verdict::kDelivered; });
  EXPECT_THAT(again, Is(Verdict::kDelivered));
  for (int i = 3; i <= 4; ++i) EXPECT_THAT(Deliver(EventOf(i)), Is(Verdict::kDelivered));
  ExpectOrder(cluster_.Consume("events", 4), 4);
  EXPECT_THAT(cluster_.Consume("dead", 1, 200ms), IsEmpty());
}

TEST_F(KafkaSinkTest, TheBrokersSayWhatIsTooLarge) {
  ASSERT_TRUE(Make());
  auto event = std::make_shared<store::Event>(*EventOf(1));
  event->actor = std::string(5'000'000, 'a');
  EXPECT_THAT(Deliver(event), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  event = std::make_shared<store::Event>(*EventOf(2));
  event->actor = std::string(5'000'000, 'a');
  EXPECT_THAT(Deliver(event), Is(Verdict::kUndeliverable));
}

TEST_F(KafkaSinkTest, ARefusedRecordIsUndeliverableAndLaterOnesAreDelivered) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kUndeliverable));
  EXPECT_THAT(Deliver(EventOf(3)), Is(Verdict::kDelivered));
}

// The broker does not say which record it means.
TEST_F(KafkaSinkTest, ARefusedBatchCondemnsNoneOfItsEvents) {
  int seq = 0;
  for (const auto error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                           RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_UNKNOWN}) {
    Stop();
    ASSERT_TRUE(Make());
    ASSERT_THAT(Deliver(EventOf(++seq)), Is(Verdict::kDelivered));
    cluster_.AnswerProduce({error});
    for (auto& ended : StartTogether({EventOf(seq + 1), EventOf(seq + 2)})) {
      const Outcome outcome = LoopRunner::Await(std::move(ended));
      EXPECT_THAT(outcome, Is(Verdict::kFailed));
      EXPECT_EQ(outcome.blames, Blames::kNobody) << "no attempt of theirs: " << outcome.error;
    }
    EXPECT_THAT(Deliver(EventOf(++seq)), Is(Verdict::kDelivered));
    EXPECT_THAT(Deliver(EventOf(++seq)), Is(Verdict::kDelivered));
  }
  ExpectOrder(cluster_.Consume("events", 12), 12);
}

TEST_F(KafkaSinkTest, AnErrorOfTheBrokersThatOneRecordCausesIsThatRecordsFailureAlone) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_UNKNOWN});
  const Outcome outcome = Deliver(EventOf(2));
  EXPECT_THAT(outcome, Is(Verdict::kFailed)) << "it may be over soon";
  EXPECT_EQ(outcome.blames, Blames::kEndpoint);
}

TEST_F(KafkaSinkTest, ABatchOfOneThatIsRefusedForItsSizeIsItselfTooLarge) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kUndeliverable));
  EXPECT_THAT(Deliver(EventOf(3)), Is(Verdict::kDelivered));
}

// Of several topics, one that cannot be written to is no failure of the others or of the endpoint.
TEST_F(KafkaSinkTest, ATopicThatFailsIsAPartWhereThereAreSeveral) {
  for (const char* topic : {"t.push", "t.pull", "t.mount", "t.delete"}) cluster_.MakeTopic(topic, 1);
  kafka_.topic = "t.{{action}}";
  kafka_.properties.emplace_back("topic.metadata.propagation.max.ms", "0");
  ASSERT_TRUE(Make());
  const auto of = [](store::Seq seq, store::Action action) {
    auto event = std::make_shared<store::Event>(*EventOf(seq, "team/" + std::to_string(seq)));
    event->action = action;
    return event;
  };
  ASSERT_THAT(Deliver(of(1, store::Action::kPush)), Is(Verdict::kDelivered));
  EXPECT_THAT(Trouble(), IsEmpty());
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  const Outcome refused = Deliver(of(2, store::Action::kDelete));
  EXPECT_THAT(refused, Is(Verdict::kFailed));
  EXPECT_EQ(refused.blames, Blames::kPart);
  EXPECT_EQ(Trouble(), "1 topic fails: t.delete (no permission to write)");
  EXPECT_EQ(Deliver(of(3, store::Action::kDelete)).blames, Blames::kPart) << "it is not asked again at once";
  EXPECT_THAT(Until([&] { return Deliver(of(4, store::Action::kPush)); },
                    [](const Outcome& outcome) { return outcome.verdict == Verdict::kDelivered; }),
              Is(Verdict::kDelivered));
  cluster_.FailTopic("t.pull", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  EXPECT_EQ(Deliver(of(5, store::Action::kPull)).blames, Blames::kPart);
  EXPECT_EQ(Trouble(), "2 topics fail: t.pull (does not exist), t.delete (no permission to write)");
  EXPECT_FALSE(runner_.Call([&] { return sink_->Stalled(); })) << "nothing waits inside";
  EXPECT_THAT(Until([&] { return Deliver(of(6, store::Action::kDelete)); },
                    [](const Outcome& outcome) { return outcome.verdict == Verdict::kDelivered; }),
              Is(Verdict::kDelivered));
  EXPECT_EQ(Trouble(), "1 topic fails: t.pull (does not exist)");
}

TEST_F(KafkaSinkTest, WhatIsUnderWayWhenAnotherIsRefusedIsNoAttempt) {
  ASSERT_TRUE(Make());
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
  std::vector<std::future<Outcome>> sent;
  for (int i = 2; i <= 50; ++i) sent.push_back(Start(EventOf(i, "repo-" + std::to_string(i))));
  int failed = 0;
  for (auto& one : sent) {
    const Outcome outcome = LoopRunner::Await(std::move(one));
    if (outcome.verdict != Verdict::kFailed) continue;
    ++failed;
    EXPECT_EQ(outcome.blames, Blames::kNobody) << outcome.error;
  }
  EXPECT_GT(failed, 0);
}

TEST_F(KafkaSinkTest, AnEventThatIsTooLargeIsUndeliverable) {
  kafka_.properties.emplace_back("message.max.bytes", "2000");
  ASSERT_TRUE(Make());
  const Outcome outcome = Deliver(EventOf(1, std::string(3000, 'r')));
  EXPECT_THAT(outcome, Is(Verdict::kUndeliverable));
  EXPECT_THAT(outcome.error, HasSubstr("too large"));
  EXPECT_FALSE(outcome.maybe_received);
  EXPECT_THAT(Deliver(EventOf(2)), Is(Verdict::kDelivered));
}

TEST_F(KafkaSinkTest, WhatIsGivenUpGoesToTheDeadLetterTopicWithTheReason) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  ASSERT_TRUE(Make());
  EXPECT_TRUE(sink_->capacity().sets_aside);
  ASSERT_THAT(Deliver(EventOf(1)), Is(Verdict::kDelivered));
  const std::int32_t partition = cluster_.Consume("events", 1).at(0).partition;
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
  const Outcome refusal = Deliver(EventOf(2));
  EXPECT_THAT(refusal, Is(Verdict::kUndeliverable));
  EXPECT_THAT(cluster_.Consume("dead", 1, 200ms), IsEmpty()) << "it may be the endpoint that is to blame";
  EXPECT_THAT(SetAside(EventOf(2), refusal), Is(Verdict::kDelivered));
  const auto dead = cluster_.Consume("dead", 1);
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].key, "registry.example/team/app");
  EXPECT_THAT(dead[0].value, HasSubstr("id-2"));
  EXPECT_THAT(dead[0].headers, IsSupersetOf({Pair(std::string("portcall-topic"), std::string("events")),
                                             Pair(std::string("portcall-partition"), std::to_string(partition)),
                                             Pair(std::string("ce_id"), std::string("id-2")),
                                             Pair(std::string("seq"), std::string("2"))}));
  EXPECT_THAT(dead[0].headers.at("portcall-error"), HasSubstr("events"));
}

// Each that is refused costs the producer, and all that is under way with it.
TEST_F(KafkaSinkTest, WhatIsGivenUpGoesToItsTopicWhateverElseIsRefusedMeanwhile) {
  portcall::testing::MockCluster two(2);
  for (const auto& [topic, broker] : {std::pair("events", 1), {"dead", 2}}) {
    two.MakeTopic(topic, 1);
    two.Lead(topic, broker);
  }
  two.Slow(2, 100ms);
  kafka_.brokers = {two.bootstrap()};
  kafka_.dead_letter_topic = "dead";
  ASSERT_TRUE(Make());
  const auto refused = [&](store::Seq seq) {
    two.AnswerProduceAt(1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    return Deliver(EventOf(seq, "team/" + std::to_string(seq)));
  };
  const Outcome refusal = refused(1);
  ASSERT_THAT(refusal, Is(Verdict::kUndeliverable));
  auto aside = StartSetAside(EventOf(1), refusal);
  for (store::Seq seq = 2; seq < 12; ++seq) EXPECT_THAT(refused(seq), Is(Verdict::kUndeliverable));
  EXPECT_THAT(LoopRunner::Await(std::move(aside)), Is(Verdict::kDelivered));
  two.Slow(2, 0ms);
  EXPECT_THAT(two.Consume("dead", 2, 2s), SizeIs(1));
  Stop();
}

// Nor is it the endpoint that waits: its other events age, and are given time at a stop.
TEST_F(KafkaSinkTest, ADeadLetterThatIsNotConfirmedEndsAsFailedAndStallsNothing) {
  portcall::testing::MockCluster two(2);
  for (const auto& [topic, broker] : {std::pair("events", 1), {"dead", 2}}) {
    two.MakeTopic(topic, 1);
    two.Lead(topic, broker);
  }
  kafka_.brokers = {two.bootstrap()};
  kafka_.dead_letter_topic = "dead";
  endpoint_.timeout = 500ms;
  ASSERT_TRUE(Make());
  Outcome refusal;
  refusal.verdict = Verdict::kUndeliverable;
  refusal.error = "too large";
  ASSERT_THAT(SetAside(EventOf(1), refusal), Is(Verdict::kDelivered));
  two.Slow(2, 15s);
  const auto stalled = [&] { return runner_.Call([&] { return sink_->Stalled(); }); };
  auto aside = StartSetAside(EventOf(2), refusal);
  ASSERT_THAT(Deliver(EventOf(3)), Is(Verdict::kDelivered));
  while (aside.wait_for(5ms) != std::future_status::ready) EXPECT_FALSE(stalled());
  const Outcome late = LoopRunner::Await(std::move(aside));
  EXPECT_THAT(late, Is(Verdict::kFailed));
  EXPECT_EQ(late.blames, Blames::kPart);
  EXPECT_EQ(late.error, "too large; and the dead-letter topic dead: no confirmation in time");
  EXPECT_THAT(Trouble(), HasSubstr("dead (does not confirm records)"));
  EXPECT_THAT(Deliver(EventOf(4)), Is(Verdict::kDelivered));
  two.Slow(2, 0ms);
  EXPECT_THAT(Until([&] { return SetAside(EventOf(2), refusal); },
                    [](const Outcome& outcome) { return outcome.verdict == Verdict::kDelivered; }),
              Is(Verdict::kDelivered));
  EXPECT_THAT(Trouble(), IsEmpty());
  Stop();
}

TEST_F(KafkaSinkTest, DeadLettersWhoseBatchIsRefusedAreSentAgain) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  ASSERT_TRUE(Make());
  Outcome refusal;
  refusal.verdict = Verdict::kUndeliverable;
  refusal.error = "too large";
  cluster_.AnswerProduce({RD_KAFKA_RESP_ERR_UNKNOWN});
  std::vector<std::future<Outcome>> asides;
  runner_.Call([&] {
    for (store::Seq seq = 1; seq <= 4; ++seq) asides.push_back(StartSetAside(EventOf(seq), refusal));
  });
  for (auto& aside : asides) EXPECT_THAT(LoopRunner::Await(std::move(aside)), Is(Verdict::kDelivered));
  EXPECT_THAT(cluster_.Consume("dead", 4), SizeIs(4));
}

TEST_F(KafkaSinkTest, ATooLargeDeadLetterGoesWithoutItsBody) {
  cluster_.MakeTopic("dead", 1);
  kafka_.dead_letter_topic = "dead";
  kafka_.properties.emplace_back("message.max.bytes", "5000");
  ASSERT_TRUE(Make());
  auto event = std::make_shared<store::Event>(*EventOf(1));
  event->actor = std::string(6000, 'a');
  const Outcome refusal = Deliver(event);
  EXPECT_THAT(refusal, Is(Verdict::kUndeliverable));
  EXPECT_THAT(SetAside(event, refusal), Is(Verdict::kDelivered));
  const auto dead = cluster_.Consume("dead", 1);
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].value, "");
  EXPECT_EQ(dead[0].headers.at("ce_id"), "id-1");
}

// The event's own copy is among the dead letters, and its lane does not wait for an operator.
TEST_F(KafkaSinkTest, ADeadLetterTopicThatIsNotThereEndsTheEventAndIsNamed) {
  cluster_.MakeTopic("dead", 1);
  cluster_.FailTopic("dead", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  kafka_.dead_letter_topic = "dead";
  kafka_.properties.emplace_back("topic.metadata.propagation.max.ms", "0");
  ASSERT_TRUE(Make());
  Outcome refusal;
  refusal.verdict = Verdict::kUndeliverable;
  refusal.error = "too large";
  const Outcome outcome = SetAside(EventOf(1), refusal);
  EXPECT_THAT(outcome, Is(Verdict::kUndeliverable));
  EXPECT_THAT(outcome.error, HasSubstr("too large; and the dead-letter topic dead does not exist"));
  EXPECT_THAT(Trouble(), HasSubstr("dead (does not exist)"));
}

TEST_F(KafkaSinkTest, AMissingTopicIsNamedAndTheEventStays) {
  cluster_.FailTopic("events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  kafka_.properties.emplace_back("topic.metadata.propagation.max.ms", "0");
  ASSERT_TRUE(Make());
  const Outcome outcome = Deliver(EventOf(1));
  EXPECT_THAT(outcome, Is(Verdict::kFailed));
  EXPECT_THAT(outcome.error, HasSubstr("topic events does not exist"));
}

}  // namespace
}  // namespace portcall::sinks
