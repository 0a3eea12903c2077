#include "sinks/kafka/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

config::Endpoint EndpointOf(std::string topic, std::string key = "", std::string source = "registry.example") {
  auto kafka = std::make_shared<KafkaConfig>();
  kafka->topic = std::move(topic);
  kafka->key = std::move(key);
  config::Endpoint endpoint;
  endpoint.format = "docker-v1";
  endpoint.settings = std::move(kafka);
  endpoint.source = std::move(source);
  return endpoint;
}

KafkaMessages Make(const config::Endpoint& endpoint) {
  auto made = KafkaMessages::Make(endpoint);
  if (!made) throw std::runtime_error(made.error().detail);
  return std::move(*made);
}

std::string Refusal(const config::Endpoint& endpoint) {
  auto made = KafkaMessages::Make(endpoint);
  return made ? "accepted" : made.error().detail;
}

store::Event EventOf(store::Action action, store::Kind kind) {
  store::Event event;
  event.seq = 3;
  event.id = "id-3";
  event.action = action;
  event.kind = kind;
  event.repository = "team/app";
  event.tag = "v1";
  event.details = "{}";
  return event;
}

std::vector<std::string> Expected(const KafkaMessages& messages) {
  std::vector<std::string> names;
  for (const std::size_t place : messages.expected()) names.push_back(messages.topics()[place]);
  return names;
}

TEST(KafkaMessagesTest, TheTopicFollowsActionAndKind) {
  const KafkaMessages messages = Make(EndpointOf("registry.{{action}}.{{kind}}"));
  const KafkaMessage push = messages.Of(EventOf(store::Action::kPush, store::Kind::kManifest));
  EXPECT_EQ(messages.topics()[push.topic], "registry.push.manifest");
  const KafkaMessage system = messages.Of(EventOf(store::Action::kReplay, store::Kind::kSystem));
  EXPECT_EQ(messages.topics()[system.topic], "registry.replay.system");
}

TEST(KafkaMessagesTest, ExpectsTheTopicsOfSelectedEventsAlone) {
  EXPECT_THAT(Expected(Make(EndpointOf("all"))), ElementsAre("all"));
  EXPECT_THAT(Expected(Make(EndpointOf("r.{{action}}"))),
              UnorderedElementsAre("r.push", "r.pull", "r.mount", "r.delete"));
  config::Endpoint endpoint = EndpointOf("r.{{action}}.{{kind}}");
  endpoint.only.actions = {"push", "delete", "refused"};
  endpoint.ignore.kinds = {"blob"};
  EXPECT_THAT(Expected(Make(endpoint)),
              UnorderedElementsAre("r.push.manifest", "r.push.tag", "r.delete.manifest", "r.delete.tag",
                                   "r.delete.repository", "r.refused.system"));
}

TEST(KafkaMessagesTest, TheKeyIsSourceAndRepository) {
  const store::Event event = EventOf(store::Action::kPush, store::Kind::kManifest);
  EXPECT_EQ(Make(EndpointOf("t")).Of(event).key, "registry.example/team/app");
  EXPECT_EQ(Make(EndpointOf("t", "{{source}}/{{repository}}")).Of(event).key, "registry.example/team/app");
  EXPECT_EQ(Make(EndpointOf("t", "", "")).Of(event).key, "team/app") << "no slash before it";
  EXPECT_EQ(Make(EndpointOf("t", "{{source}}/{{repository}}", "")).Of(event).key, "team/app");
  EXPECT_EQ(Make(EndpointOf("t", "{{repository}}:{{tag}}")).Of(event).key, "team/app:v1");
  store::Event relayed = event;
  relayed.source = "edge";
  EXPECT_EQ(Make(EndpointOf("t")).Of(relayed).key, "edge/team/app");
  EXPECT_EQ(Make(EndpointOf("t", "{{actor}}")).Of(event).key, "") << "anonymous";
}

TEST(KafkaMessagesTest, ADeadLetterSaysWhatWentWrongAndWhere) {
  config::Endpoint endpoint = EndpointOf("t");
  auto kafka = std::make_shared<KafkaConfig>(*endpoint.As<KafkaConfig>());
  kafka->dead_letter_topic = "t.DLT";
  endpoint.settings = kafka;
  const KafkaMessages messages = Make(endpoint);
  EXPECT_THAT(Expected(messages), ElementsAre("t", "t.DLT"));
  const store::Event event = EventOf(store::Action::kPush, store::Kind::kManifest);
  const KafkaMessage dead = messages.DeadLetterOf(event, "too large", 3);
  EXPECT_EQ(messages.topics()[dead.topic], "t.DLT");
  EXPECT_THAT(dead.headers, Contains(Pair("portcall-error", "too large")));
  EXPECT_THAT(dead.headers, Contains(Pair("portcall-topic", "t")));
  EXPECT_THAT(dead.headers, Contains(Pair("portcall-partition", "3")));
  EXPECT_EQ(dead.value, messages.Of(event).value);
  EXPECT_THAT(messages.DeadLetterOf(event, "too large", -1).headers, Not(Contains(Key("portcall-partition"))));
}

TEST(KafkaMessagesTest, RefusesWhatCannotWork) {
  EXPECT_THAT(Refusal(EndpointOf("{{repository}}")), HasSubstr("topic: {{repository}} is not known here"));
  EXPECT_THAT(Refusal(EndpointOf("with space")), HasSubstr("'with space' is not a name that Kafka takes"));
  EXPECT_THAT(Refusal(EndpointOf("")), HasSubstr("is not a name that Kafka takes"));
  EXPECT_THAT(Refusal(EndpointOf(std::string(250, 'x'))), HasSubstr("is not a name that Kafka takes"));
  EXPECT_THAT(Refusal(EndpointOf("t", "{{nonsense}}")), HasSubstr("key: {{nonsense}} is not known here"));
  config::Endpoint endpoint = EndpointOf("t");
  endpoint.format = "harbor";
  EXPECT_THAT(Refusal(endpoint), HasSubstr("unknown format 'harbor' for Kafka"));
}

}  // namespace
}  // namespace portcall::sinks
