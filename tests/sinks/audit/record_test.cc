#include "sinks/audit/log/record.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using Json = nlohmann::json;

store::Event Full() {
  store::Event event;
  event.seq = 42;
  event.id = "019a5c00-0000-7000-8000-000000000000";
  event.recorded_at = 1'795'190'400'123'456'789;
  event.action = store::Action::kRefused;
  event.kind = store::Kind::kTag;
  event.repository = "acme/app";
  event.tag = "v1";
  event.digest = "sha256:abc";
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 7;
  event.actor = "alice";
  store::Details details;
  details.previous_digest = "sha256:def";
  details.from_repository = "acme/base";
  details.request_id = "r-1";
  details.request_addr = "203.0.113.9:4711";
  details.request_host = "registry.example.com";
  details.request_method = "PUT";
  details.request_useragent = "a \"client\"\nwith a line\x01 and \xff";
  details.source_addr = "node:5000";
  details.source_instance = "i-1";
  details.peer = "10.0.0.1:3333";
  details.forwarded = "for=203.0.113.9";
  details.tls_subject = "CN=alice";
  details.request_uri = "/v2/acme/app/manifests/v1";
  details.error_code = "DENIED";
  details.status = 403;
  details.count = 12;
  details.actor_verified = true;
  details.note = "why";
  event.details = store::EncodeDetails(details);
  return event;
}

Record Sample() {
  Record record = RecordOf(Full(), "registry.example.com");
  record.n = 3;
  record.prev = std::string(64, 'a');
  return record;
}

TEST(Record, SaysWhoDidWhatWhenWhereAndHowItEnded) {
  const Json json = Json::parse(LineOf(Sample(), Format::kJsonLines));
  EXPECT_EQ(json["n"], 3);
  EXPECT_EQ(json["prev"], std::string(64, 'a'));
  EXPECT_EQ(json["seq"], 42);
  EXPECT_EQ(json["recorded"], "2026-11-20T16:00:00.123456789Z");
  EXPECT_EQ(json["time"], "2025-11-07T01:48:15.232Z");
  EXPECT_EQ(json["action"], "refused");
  EXPECT_EQ(json["outcome"], "failure");
  EXPECT_EQ(json["status"], 403);
  EXPECT_EQ(json["error"], "DENIED");
  EXPECT_EQ(json["actor"], (Json{{"name", "alice"}, {"verified", true}}));
  EXPECT_EQ(json["source"]["address"], "10.0.0.1:3333");
  EXPECT_EQ(json["source"]["client"], "203.0.113.9:4711");
  EXPECT_EQ(json["source"]["forwarded"], "for=203.0.113.9");
  EXPECT_EQ(json["source"]["tlsSubject"], "CN=alice");
  EXPECT_EQ(json["target"]["repository"], "acme/app");
  EXPECT_EQ(json["target"]["size"], 7);
  EXPECT_EQ(json["previousDigest"], "sha256:def");
  EXPECT_EQ(json["request"]["uri"], "/v2/acme/app/manifests/v1");
  EXPECT_EQ(json["registry"], "registry.example.com");
  EXPECT_EQ(json["count"], 12);
}

TEST(Record, IsOneLineOfUtf8WhateverAClientSends) {
  for (const Format format : {Format::kJsonLines, Format::kEcs}) {
    const std::string line = LineOf(Sample(), format);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_TRUE(Json::accept(line));
  }
}

TEST(Record, ThePeerIsAlwaysThereAndTheClientOnlyBehindAProxy) {
  store::Event event = Full();
  store::Details details = store::DecodeDetails(event.details);
  details.peer.clear();
  event.details = store::EncodeDetails(details);
  const Record record = RecordOf(event, "");
  EXPECT_EQ(record.address, "203.0.113.9:4711");
  EXPECT_EQ(record.client, "");
}

TEST(Record, EcsHasItsNames) {
  const Json json = Json::parse(LineOf(Sample(), Format::kEcs));
  EXPECT_EQ(json["@timestamp"], "2025-11-07T01:48:15.232Z");
  EXPECT_EQ(json["event"]["kind"], "event");
  EXPECT_EQ(json["event"]["category"], Json::array({"web"}));
  EXPECT_EQ(json["event"]["type"], Json::array({"denied"}));
  EXPECT_EQ(json["event"]["outcome"], "failure");
  EXPECT_EQ(json["event"]["sequence"], 42);
  EXPECT_EQ(json["user"]["name"], "alice");
  EXPECT_EQ(json["source"]["ip"], "203.0.113.9");
  EXPECT_EQ(json["source"]["port"], 4711);
  EXPECT_EQ(json["http"]["response"]["status_code"], 403);
  EXPECT_EQ(json["container"]["image"]["hash"]["all"], Json::array({"sha256:abc"}));
  EXPECT_EQ(json["portcall"]["n"], 3);
  EXPECT_EQ(json["portcall"]["peer"], "10.0.0.1:3333");
}

TEST(Record, AnIpv6AddressLosesItsBrackets) {
  Record record = Sample();
  record.client = "[2001:db8::1]:443";
  const Json json = Json::parse(LineOf(record, Format::kEcs));
  EXPECT_EQ(json["source"]["ip"], "2001:db8::1");
  EXPECT_EQ(json["source"]["port"], 443);
}

TEST(Record, TheSourceIsAnIpAddressHoweverItWasNamed) {
  struct Case {
    const char *client, *ip, *domain;
    int port;
  };
  const Case cases[] = {
      {"2001:db8::9", "2001:db8::9", nullptr, 0},
      {"203.0.113.9", "203.0.113.9", nullptr, 0},
      {"203.0.113.9:51008", "203.0.113.9", nullptr, 51008},
      {"[2001:db8::9]", "2001:db8::9", nullptr, 0},
      {"fe80::1%eth0", "fe80::1", nullptr, 0},
      {"[fe80::1%eth0]:443", "fe80::1", nullptr, 443},
      {"build.example.com:4711", nullptr, "build.example.com", 4711},
      {"build.example.com", nullptr, "build.example.com", 0},
      {"203.0.113.9:99999", nullptr, "203.0.113.9:99999", 0},
  };
  for (const Case& one : cases) {
    Record record = Sample();
    record.client = one.client;
    const Json source = Json::parse(LineOf(record, Format::kEcs))["source"];
    Json wanted{{"address", one.client}};
    if (one.ip != nullptr) wanted["ip"] = one.ip;
    if (one.domain != nullptr) wanted["domain"] = one.domain;
    if (one.port != 0) wanted["port"] = one.port;
    EXPECT_EQ(source, wanted);
  }
}

TEST(Record, AUrlIsTakenApartAsEcsWantsIt) {
  Record record = Sample();
  record.uri = "/v2/acme/app/tags/list?n=5&last=a?b";
  const std::pair<const char*, Json> cases[] = {
      {"registry.example.com", {{"domain", "registry.example.com"}}},
      {"registry.example.com:5000", {{"domain", "registry.example.com"}, {"port", 5000}}},
      {"[2001:db8::1]:5000", {{"domain", "[2001:db8::1]"}, {"port", 5000}}},
      {"[2001:db8::1]", {{"domain", "[2001:db8::1]"}}},
  };
  for (const auto& [host, wanted] : cases) {
    record.host = host;
    const std::string line = LineOf(record, Format::kEcs);
    Json url = wanted;
    url["path"] = "/v2/acme/app/tags/list";
    url["query"] = "n=5&last=a?b";
    EXPECT_EQ(Json::parse(line)["url"], url);
    EXPECT_EQ(LineOf(*ParseRecord(line), Format::kJsonLines), LineOf(record, Format::kJsonLines));
  }
}

TEST(Record, BothFormatsAreReadBack) {
  const std::string line = LineOf(Sample(), Format::kJsonLines);
  const std::string ecs = LineOf(Sample(), Format::kEcs);
  EXPECT_EQ(LineOf(*ParseRecord(line), Format::kJsonLines), line);
  EXPECT_EQ(LineOf(*ParseRecord(ecs), Format::kEcs), ecs);
  EXPECT_EQ(LineOf(*ParseRecord(line), Format::kEcs), ecs);
  EXPECT_EQ(LineOf(*ParseRecord(ecs), Format::kJsonLines), line);
}

TEST(Record, TheLinkIsReadWithoutTheRest) {
  for (const Format format : {Format::kJsonLines, Format::kEcs}) {
    const std::string line = LineOf(Sample(), format);
    const auto link = LinkOf(line);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->n, 3U);
    EXPECT_EQ(link->prev, std::string(64, 'a'));
    EXPECT_EQ(link->SeqNumber(), 42);
    EXPECT_EQ(link->recorded, "2026-11-20T16:00:00.123456789Z");
    EXPECT_EQ(line.substr(link->prev_at, 64), link->prev);
  }
}

TEST(Record, WhatIsNoRecordHasNoLink) {
  const std::string line = LineOf(Sample(), Format::kJsonLines);
  for (std::size_t cut = 0; cut < line.size(); ++cut) EXPECT_FALSE(ParseRecord(line.substr(0, cut))) << cut;
  EXPECT_FALSE(LinkOf("{\"n\":-1" + line.substr(6)));
  EXPECT_FALSE(LinkOf(" " + line));
  EXPECT_FALSE(ParseRecord("{\"n\":1}"));
}

}  // namespace
}  // namespace portcall::sinks::audit
