#include "sinks/formats/docker.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace portcall::sinks {
namespace {

using nlohmann::json;

std::int64_t NanosOf(const std::string& rfc3339) {
  tm parts{};
  const char* rest = strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::int64_t nanos = 0;
  if (*rest == '.') {
    std::string digits;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest) digits += *rest;
    digits.resize(9, '0');
    nanos = std::stoll(digits);
  }
  return timegm(&parts) * 1'000'000'000ll + nanos;
}

std::string Text(const json& object, const char* name) { return object.value(name, std::string()); }

store::Kind KindOfTarget(const json& target) {
  if (target.contains("tag")) return store::Kind::kTag;
  return Text(target, "mediaType") == "application/octet-stream" ? store::Kind::kBlob : store::Kind::kManifest;
}

// The event that our registry would have recorded for a captured notification.
store::EventPtr EventOf(const json& captured) {
  const json& target = captured.at("target");
  auto event = std::make_shared<store::Event>();
  event->id = captured.at("id");
  event->recorded_at = NanosOf(captured.at("timestamp"));
  event->action = *store::ActionOf(captured.at("action").get<std::string>());
  event->kind = KindOfTarget(target);
  event->repository = Text(target, "repository");
  event->tag = Text(target, "tag");
  event->digest = Text(target, "digest");
  event->media_type = Text(target, "mediaType");
  event->size = target.value("size", std::int64_t{0});
  event->actor = Text(captured.at("actor"), "name");
  store::Details details;
  details.url = Text(target, "url");
  details.from_repository = Text(target, "fromRepository");
  for (const json& reference : target.value("references", json::array())) {
    details.references.push_back({reference.at("mediaType"), reference.at("digest"), reference.at("size"), ""});
  }
  const json& request = captured.at("request");
  details.request_id = Text(request, "id");
  details.request_addr = Text(request, "addr");
  details.request_host = Text(request, "host");
  details.request_method = Text(request, "method");
  details.request_useragent = Text(request, "useragent");
  details.source_addr = Text(captured.at("source"), "addr");
  details.source_instance = Text(captured.at("source"), "instanceID");
  event->details = store::EncodeDetails(details);
  return event;
}

std::vector<std::string> Captures() {
  std::ifstream file(SINKS_DATA "/envelopes.jsonl");
  std::vector<std::string> bodies;
  for (std::string line; std::getline(file, line);) bodies.push_back(json::parse(line).at("body"));
  return bodies;
}

TEST(DockerEnvelope, V1HasTheBytesThatDistributionSent) {
  const auto bodies = Captures();
  ASSERT_GE(bodies.size(), 17u);
  for (const std::string& body : bodies) {
    const store::EventPtr event = EventOf(json::parse(body).at("events").at(0));
    EXPECT_EQ(DockerEnvelopeV1({&event, 1}), body);
  }
}

TEST(DockerEnvelope, V2DiffersInTheDescriptorAlone) {
  for (const std::string& body : Captures()) {
    const json captured = json::parse(body);
    const store::EventPtr event = EventOf(captured.at("events").at(0));
    const std::string v2 = DockerEnvelopeV2({&event, 1});
    json expected = captured;
    json& target = expected["events"][0]["target"];
    for (const char* name : {"mediaType", "digest"}) target[name] = Text(target, name);
    target["size"] = target.value("size", 0);
    EXPECT_EQ(json::parse(v2), expected);
    EXPECT_LT(v2.find("\"digest\""), v2.find("\"size\""));
  }
}

store::Event Minimal(store::Action action, store::Kind kind) {
  store::Event event;
  event.id = "0190b7a0-0000-7000-8000-000000000001";
  event.recorded_at = 1'795'190'400'500'000'000;
  event.action = action;
  event.kind = kind;
  event.repository = "a/b";
  return event;
}

std::string V1(store::Event event) {
  const auto shared = std::make_shared<const store::Event>(std::move(event));
  return DockerEnvelopeV1({&shared, 1});
}
std::string V2(store::Event event) {
  const auto shared = std::make_shared<const store::Event>(std::move(event));
  return DockerEnvelopeV2({&shared, 1});
}

TEST(DockerEnvelope, WritesWhatIsEmptyAsGoDoes) {
  EXPECT_EQ(V1(Minimal(store::Action::kPush, store::Kind::kRepository)), R"({
   "events": [
      {
         "id": "0190b7a0-0000-7000-8000-000000000001",
         "timestamp": "2026-11-20T16:00:00.5Z",
         "action": "push",
         "target": {
            "repository": "a/b"
         },
         "request": {
            "id": "",
            "method": "",
            "useragent": ""
         },
         "actor": {},
         "source": {}
      }
   ]
})");
}

TEST(DockerEnvelope, DeletionsNameWhatIsGoneAndNoMore) {
  store::Event event = Minimal(store::Action::kDelete, store::Kind::kTag);
  event.tag = "v1";
  event.digest = "sha256:aa";
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 7;
  store::Details details;
  details.url = "http://r/v2/a/b/manifests/sha256:aa";
  event.details = store::EncodeDetails(details);
  const json v1 = json::parse(V1(event)), v2 = json::parse(V2(event));
  EXPECT_EQ(v1["events"][0]["target"], json::parse(R"({"repository":"a/b","tag":"v1"})"));
  EXPECT_EQ(v2["events"][0]["target"],
            json::parse(R"({"mediaType":"","digest":"","size":0,"repository":"a/b","tag":"v1"})"));
  event.kind = store::Kind::kManifest;
  event.tag.clear();
  EXPECT_EQ(json::parse(V1(event))["events"][0]["target"], json::parse(R"({"digest":"sha256:aa","repository":"a/b"})"));
}

TEST(DockerEnvelope, PlatformsOfReferencesComeInV2Only) {
  store::Event event = Minimal(store::Action::kPush, store::Kind::kManifest);
  store::Details details;
  details.references.push_back({"m", "sha256:bb", 3, R"({"variant":"v8","os":"linux","architecture":"arm64"})"});
  event.details = store::EncodeDetails(details);
  EXPECT_EQ(V1(event).find("platform"), std::string::npos);
  EXPECT_NE(V2(event).find(R"("references": [
               {
                  "mediaType": "m",
                  "digest": "sha256:bb",
                  "size": 3,
                  "platform": {
                     "architecture": "arm64",
                     "os": "linux",
                     "variant": "v8"
                  }
               }
            ])"),
            std::string::npos)
      << V2(event);
}

TEST(DockerEnvelope, HoldsSeveralEventsInOrder) {
  std::vector<store::EventPtr> events;
  for (const char* id : {"first", "second"}) {
    store::Event event = Minimal(store::Action::kPull, store::Kind::kBlob);
    event.id = id;
    events.push_back(std::make_shared<const store::Event>(event));
  }
  const json envelope = json::parse(DockerEnvelopeV1(events));
  ASSERT_EQ(envelope["events"].size(), 2u);
  EXPECT_EQ(envelope["events"][0]["id"], "first");
  EXPECT_EQ(envelope["events"][1]["id"], "second");
}

}  // namespace
}  // namespace portcall::sinks
