#include "sinks/formats/image_updaters.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::sinks {
namespace {

using nlohmann::json;

constexpr std::string_view kSource = "registry.example.com:5000";
const std::string kDigest = "sha256:" + std::string(64, 'a');

store::Event Push() {
  store::Event event;
  event.id = "0190b7a0-0000-7000-8000-000000000001";
  event.recorded_at = 1'795'190'400'500'000'000;
  event.action = store::Action::kPush;
  event.kind = store::Kind::kTag;
  event.repository = "acme/team/app";
  event.tag = "v1.2";
  event.digest = kDigest;
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 527;
  event.actor = "alice";
  store::Details details;
  details.request_id = "r-1";
  details.request_host = "10.0.0.7:5000";
  details.request_method = "PUT";
  details.request_useragent = "skopeo/1.9.3";
  event.details = store::EncodeDetails(details);
  return event;
}

TEST(ImageUpdaters, HarborsPushArtifact) {
  EXPECT_EQ(json::parse(Harbor(Push(), kSource)), json::parse(R"({
    "type": "PUSH_ARTIFACT",
    "occur_at": 1795190400,
    "operator": "alice",
    "event_data": {
      "resources": [{
        "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "tag": "v1.2",
        "resource_url": "registry.example.com:5000/acme/team/app:v1.2"
      }],
      "repository": {
        "date_created": 1795190400,
        "name": "team/app",
        "namespace": "acme",
        "repo_full_name": "acme/team/app",
        "repo_type": "private"
      },
      "custom_attributes": {}
    }
  })"));
}

TEST(ImageUpdaters, HarborNamesOtherActionsAsItDoes) {
  store::Event event = Push();
  event.action = store::Action::kPull;
  event.actor.clear();
  EXPECT_EQ(json::parse(Harbor(event, kSource))["type"], "PULL_ARTIFACT");
  EXPECT_EQ(json::parse(Harbor(event, kSource))["operator"], "anonymous");
  event.action = store::Action::kDelete;
  EXPECT_EQ(json::parse(Harbor(event, kSource))["type"], "DELETE_ARTIFACT");
  event.action = store::Action::kMount;
  EXPECT_EQ(json::parse(Harbor(event, kSource))["type"], "PUSH_ARTIFACT");
}

TEST(ImageUpdaters, DockerHubsPush) {
  EXPECT_EQ(json::parse(DockerHub(Push(), kSource)), json::parse(R"({
    "callback_url": "",
    "push_data": {
      "pushed_at": 1795190400,
      "pusher": "alice",
      "tag": "v1.2",
      "images": [],
      "media_type": "application/vnd.oci.image.manifest.v1+json"
    },
    "repository": {
      "status": "Active",
      "repo_name": "acme/team/app",
      "name": "team/app",
      "namespace": "acme",
      "owner": "acme",
      "repo_url": "https://registry.example.com:5000/acme/team/app",
      "is_official": false,
      "is_private": true
    }
  })"));
}

TEST(ImageUpdaters, QuaysPush) {
  EXPECT_EQ(json::parse(Quay(Push(), kSource)), json::parse(R"({
    "name": "team/app",
    "repository": "acme/team/app",
    "namespace": "acme",
    "docker_url": "registry.example.com:5000/acme/team/app",
    "homepage": "https://registry.example.com:5000/acme/team/app",
    "updated_tags": ["v1.2"]
  })"));
  store::Event untagged = Push();
  untagged.tag.clear();
  EXPECT_EQ(json::parse(Quay(untagged, kSource))["updated_tags"], json::array());
}

TEST(ImageUpdaters, AcrsPush) {
  EXPECT_EQ(json::parse(Acr(Push(), kSource)), json::parse(R"({
    "id": "0190b7a0-0000-7000-8000-000000000001",
    "timestamp": "2026-11-20T16:00:00.5Z",
    "action": "push",
    "target": {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "size": 527,
      "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "length": 527,
      "repository": "acme/team/app",
      "tag": "v1.2"
    },
    "request": {
      "id": "r-1",
      "host": "registry.example.com:5000",
      "method": "PUT",
      "useragent": "skopeo/1.9.3"
    }
  })"));
}

TEST(ImageUpdaters, KeelsOwn) {
  EXPECT_EQ(json::parse(Keel(Push(), kSource)),
            json::parse(R"({"name": "registry.example.com:5000/acme/team/app", "tag": "v1.2"})"));
}

TEST(ImageUpdaters, ARelayedEventKeepsItsOwnHost) {
  store::Event event = Push();
  event.source = "edge.example.com";
  EXPECT_EQ(json::parse(Keel(event, kSource))["name"], "edge.example.com/acme/team/app");
  EXPECT_EQ(json::parse(Harbor(event, kSource))["event_data"]["resources"][0]["resource_url"],
            "edge.example.com/acme/team/app:v1.2");
  EXPECT_EQ(json::parse(Acr(event, kSource))["request"]["host"], "edge.example.com");
}

TEST(ImageUpdaters, WithoutASourceNoHostIsMadeUp) {
  EXPECT_EQ(json::parse(Keel(Push(), ""))["name"], "acme/team/app");
  EXPECT_EQ(json::parse(Quay(Push(), ""))["docker_url"], "acme/team/app");
  EXPECT_EQ(json::parse(Acr(Push(), ""))["request"]["host"], "10.0.0.7:5000");
}

TEST(ImageUpdaters, ARepositoryOfOneSegmentHasNoNamespace) {
  store::Event event = Push();
  event.repository = "app";
  const json repository = json::parse(Harbor(event, kSource))["event_data"]["repository"];
  EXPECT_EQ(repository["namespace"], "");
  EXPECT_EQ(repository["name"], "app");
  EXPECT_EQ(repository["repo_full_name"], "app");
}

TEST(ImageUpdaters, HostileNamesStayInsideTheirStrings) {
  const std::string hostile = "a\"},{\"x\":\"\\ \n\r\t\x01</script>\u2028\xff";
  const std::string replaced = "a\"},{\"x\":\"\\ \n\r\t\x01</script>\u2028\uFFFD";
  store::Event event = Push();
  event.tag = event.actor = event.media_type = hostile;
  const json harbor = json::parse(Harbor(event, kSource)), hub = json::parse(DockerHub(event, kSource)),
             quay = json::parse(Quay(event, kSource)), acr = json::parse(Acr(event, kSource)),
             keel = json::parse(Keel(event, kSource));
  EXPECT_EQ(harbor["operator"], replaced);
  EXPECT_EQ(harbor["event_data"]["resources"][0]["tag"], replaced);
  EXPECT_EQ(hub["push_data"]["pusher"], replaced);
  EXPECT_EQ(quay["updated_tags"], json::array({replaced}));
  EXPECT_EQ(acr["target"]["tag"], replaced);
  EXPECT_EQ(acr.size(), 5u);
  EXPECT_EQ(keel["tag"], replaced);
  EXPECT_EQ(keel.size(), 2u);
}

}  // namespace
}  // namespace portcall::sinks
