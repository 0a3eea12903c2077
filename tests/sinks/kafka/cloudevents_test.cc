#include "sinks/formats/cloudevents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace portcall::sinks {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::Pair;

store::Event Push() {
  store::Event event;
  event.seq = 42;
  event.id = "0190a1b2-0000-7000-8000-000000000001";
  event.recorded_at = 1'700'000'000'123'456'789;
  event.action = store::Action::kPush;
  event.kind = store::Kind::kManifest;
  event.repository = "team/app";
  event.tag = "v1";
  event.digest = "sha256:abc";
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 1234;
  event.actor = "alice";
  store::Details details;
  details.url = "https://registry.example/v2/team/app/manifests/sha256:abc";
  details.previous_digest = "sha256:old";
  details.request_addr = "192.0.2.1:5000";
  details.request_method = "PUT";
  details.request_useragent = "docker/27";
  details.source_addr = "host:5000";
  details.references = {{"application/vnd.oci.image.layer.v1.tar+gzip", "sha256:layer", 99, ""},
                        {"application/vnd.oci.image.manifest.v1+json", "sha256:arm", 7, R"({"os":"linux"})"}};
  event.details = store::EncodeDetails(details);
  return event;
}

json Structured(const store::Event& event, std::string_view source = "registry.example") {
  return json::parse(StructuredCloudEvent(event, source));
}

TEST(CloudEventsTest, HasTheAttributesThatTheSpecificationWants) {
  EXPECT_THAT(ToCloudEvent(Push(), "registry.example").attributes,
              ElementsAre(Pair("id", "0190a1b2-0000-7000-8000-000000000001"), Pair("source", "registry.example"),
                          Pair("specversion", "1.0"), Pair("type", "portcall.manifest.push"),
                          Pair("time", "2023-11-14T22:13:20.123456789Z"), Pair("subject", "team/app:v1"),
                          Pair("sequence", "00000000000000000042"), Pair("partitionkey", "registry.example/team/app")));
}

TEST(CloudEventsTest, DataSaysEverythingThatIsKnown) {
  const json data = json::parse(ToCloudEvent(Push(), "registry.example").data);
  EXPECT_EQ(data, json::parse(R"({
    "action": "push", "kind": "manifest", "repository": "team/app", "tag": "v1", "digest": "sha256:abc",
    "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1234, "previousDigest": "sha256:old",
    "url": "https://registry.example/v2/team/app/manifests/sha256:abc",
    "references": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:layer", "size": 99},
                   {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:arm", "size": 7,
                    "platform": {"os": "linux"}}],
    "actor": {"name": "alice", "verified": false},
    "request": {"addr": "192.0.2.1:5000", "method": "PUT", "userAgent": "docker/27"},
    "source": {"addr": "host:5000"}, "seq": 42})"));
}

TEST(CloudEventsTest, StructuredIsTheAttributesAndTheData) {
  const store::Event event = Push();
  json expected = {{"datacontenttype", "application/json"}};
  const CloudEvent binary = ToCloudEvent(event, "registry.example");
  for (const auto& [name, value] : binary.attributes) expected[name] = value;
  expected["data"] = json::parse(binary.data);
  EXPECT_EQ(Structured(event), expected);
}

TEST(CloudEventsTest, NamesWhatAnEventIsAbout) {
  store::Event event = Push();
  event.tag.clear();
  EXPECT_EQ(Structured(event)["subject"], "team/app@sha256:abc");
  event.digest.clear();
  EXPECT_EQ(Structured(event)["subject"], "team/app");
  event.repository.clear();
  EXPECT_FALSE(Structured(event).contains("subject")) << "an empty subject is not allowed";
  EXPECT_EQ(Structured(event)["partitionkey"], "registry.example");
}

TEST(CloudEventsTest, ARelaysEventKeepsItsSource) {
  store::Event event = Push();
  event.source = "edge.example";
  EXPECT_EQ(Structured(event)["source"], "edge.example");
  EXPECT_EQ(Structured(event)["partitionkey"], "edge.example/team/app");
}

TEST(CloudEventsTest, AnAddressIsAnAuthorityAndSoAUriReference) {
  EXPECT_EQ(Structured(Push(), "127.0.0.1:5000")["source"], "//127.0.0.1:5000");
  EXPECT_EQ(Structured(Push(), "[2001:db8::1]:5000")["source"], "//[2001:db8::1]:5000");
  EXPECT_EQ(Structured(Push(), "[2001:db8::1]")["source"], "//[2001:db8::1]");
  EXPECT_EQ(Structured(Push(), "127.0.0.1")["source"], "127.0.0.1");
  EXPECT_EQ(Structured(Push(), "registry.example:5000")["source"], "registry.example:5000");
}

TEST(CloudEventsTest, WithoutAConfiguredSourceItIsPortcall) { EXPECT_EQ(Structured(Push(), "")["source"], "portcall"); }

TEST(CloudEventsTest, SequencesSortAsTheirNumbersDo) {
  store::Event small = Push(), large = Push();
  small.seq = 99;
  large.seq = 100;
  EXPECT_LT(Structured(small)["sequence"].get<std::string>(), Structured(large)["sequence"].get<std::string>());
}

TEST(CloudEventsTest, TimesSortAsTheyPassed) {
  store::Event whole = Push(), later = Push();
  whole.recorded_at = 1'700'000'000'000'000'000;
  later.recorded_at = whole.recorded_at + 100'000'000;
  EXPECT_EQ(Structured(whole)["time"], "2023-11-14T22:13:20.000000000Z");
  EXPECT_LT(Structured(whole)["time"].get<std::string>(), Structured(later)["time"].get<std::string>());
}

TEST(CloudEventsTest, HostileTextsStayText) {
  store::Event event = Push();
  event.repository = "a\"},\"type\":\"x\n\x01\\";
  event.actor = "bad\xff\xc0utf8 \xe2\x98\x83";
  store::Details details;
  details.request_useragent = "tab\tquote\"\x7f";
  details.references = {{"m", "sha256:1", 1, "not json"}, {"m", "sha256:2", 2, R"("text")"}};
  event.details = store::EncodeDetails(details);
  const json whole = Structured(event);
  EXPECT_EQ(whole["type"], "portcall.manifest.push");
  EXPECT_EQ(whole["data"]["repository"], event.repository);
  EXPECT_EQ(whole["data"]["actor"]["name"], "bad\ufffd\ufffdutf8 \u2603");
  EXPECT_EQ(whole["data"]["request"]["userAgent"], "tab\tquote\"\x7f");
  EXPECT_EQ(whole["data"]["references"], json::parse(R"([{"mediaType": "m", "digest": "sha256:1", "size": 1},
                                                          {"mediaType": "m", "digest": "sha256:2", "size": 2}])"));
  EXPECT_EQ(whole["subject"], "a\"},\"type\":\"x\ufffd\ufffd\\:v1") << "no control characters in attributes";
}

TEST(CloudEventsTest, EmptyMembersAreAbsent) {
  store::Event event;
  event.id = "x";
  event.action = store::Action::kDelete;
  event.kind = store::Kind::kRepository;
  event.repository = "r";
  event.details = "{}";
  EXPECT_EQ(json::parse(ToCloudEvent(event, "s").data),
            json::parse(R"({"action": "delete", "kind": "repository", "repository": "r"})"));
}

}  // namespace
}  // namespace portcall::sinks
