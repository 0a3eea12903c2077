#include "sinks/facts.h"

#include <gtest/gtest.h>

#include <map>

#include "sinks/formats/template.h"

namespace portcall::sinks {
namespace {

store::Event Push() {
  store::Event event;
  event.seq = 42;
  event.id = "id-1";
  event.action = store::Action::kPush;
  event.kind = store::Kind::kTag;
  event.repository = "team/app";
  event.tag = "v1";
  event.digest = "sha256:aa";
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 1'234;
  event.actor = "alice";
  event.recorded_at = 1'700'000'000'500'000'000;
  store::Details details;
  details.url = "https://registry.example/v2/team/app/manifests/sha256:aa";
  details.previous_digest = "sha256:old";
  event.details = store::EncodeDetails(details);
  return event;
}

// What every variable of a pipeline and every word of a template says.
TEST(Facts, EachWordHasItsValue) {
  const std::map<std::string, std::string> wanted = {
      {"repository", "team/app"},
      {"tag", "v1"},
      {"digest", "sha256:aa"},
      {"source", "registry.example"},
      {"image", "registry.example/team/app:v1"},
      {"reference", "v1"},
      {"action", "push"},
      {"kind", "tag"},
      {"mediatype", "application/vnd.oci.image.manifest.v1+json"},
      {"size", "1234"},
      {"actor", "alice"},
      {"id", "id-1"},
      {"seq", "42"},
      {"time", "2023-11-14T22:13:20.500000000Z"},
      {"url", "https://registry.example/v2/team/app/manifests/sha256:aa"},
      {"previousdigest", "sha256:old"},
  };
  std::map<std::string, std::string> said;
  for (const std::string_view word : EventWords()) {
    said.emplace(word, FactOf(Push(), "registry.example", word));
  }
  EXPECT_EQ(said, wanted);
}

TEST(Facts, AnImageWithoutATagIsNamedByItsDigest) {
  store::Event event = Push();
  event.tag.clear();
  EXPECT_EQ(FactOf(event, "registry.example", "reference"), "sha256:aa");
  EXPECT_EQ(FactOf(event, "registry.example", "image"), "registry.example/team/app@sha256:aa");
  event.digest.clear();
  EXPECT_EQ(FactOf(event, "", "image"), "team/app");
}

TEST(Facts, ARelaysEventKeepsItsSource) {
  store::Event event = Push();
  event.source = "edge.example";
  EXPECT_EQ(FactOf(event, "registry.example", "source"), "edge.example");
  EXPECT_EQ(FactOf(event, "registry.example", "image"), "edge.example/team/app:v1");
}

}  // namespace
}  // namespace portcall::sinks
