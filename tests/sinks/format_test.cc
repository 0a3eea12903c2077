#include "sinks/formats/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/http/url.h"
#include "sinks/formats/cloudevents.h"

namespace portcall::sinks {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

store::Event Push() {
  store::Event event;
  event.seq = 7;
  event.id = "0190b7a0-0000-7000-8000-000000000001";
  event.recorded_at = 1'795'190'400'500'000'000;
  event.action = store::Action::kPush;
  event.kind = store::Kind::kTag;
  event.repository = "acme/app";
  event.tag = "v1";
  event.digest = "sha256:" + std::string(64, 'a');
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.details = store::EncodeDetails({});
  return event;
}

Encoded Encode(std::string_view format, const store::Event& event, std::string_view source) {
  const auto shared = std::make_shared<const store::Event>(event);
  return FindFormat(format)->encode({&shared, 1}, source);
}

// Header lines as a receiver takes them apart.
std::map<std::string, std::string> Lines(const std::string& fields) {
  std::map<std::string, std::string> lines;
  for (std::size_t at = 0; at < fields.size();) {
    const std::size_t end = fields.find("\r\n", at), colon = fields.find(": ", at);
    EXPECT_NE(end, std::string::npos);
    EXPECT_LT(colon, end);
    if (end == std::string::npos || colon >= end) break;
    EXPECT_TRUE(lines.emplace(fields.substr(at, colon - at), fields.substr(colon + 2, end - colon - 2)).second);
    at = end + 2;
  }
  return lines;
}

TEST(Formats, EachNameHasItsContentType) {
  const std::map<std::string, std::string> expected = {
      {"docker-v1", "application/vnd.docker.distribution.events.v1+json"},
      {"docker-v2", "application/vnd.docker.distribution.events.v2+json"},
      {"cloudevents", "application/json"},
      {"cloudevents-structured", "application/cloudevents+json; charset=UTF-8"},
      {"harbor", "application/json"},
      {"dockerhub", "application/json"},
      {"quay", "application/json"},
      {"acr", "application/json"},
      {"keel", "application/json"}};
  for (const auto& [name, content_type] : expected) {
    const Format* format = FindFormat(name);
    ASSERT_NE(format, nullptr) << name;
    EXPECT_EQ(format->name, name);
    EXPECT_EQ(format->content_type, content_type);
    EXPECT_THAT(Encode(name, Push(), "here").body, Not(IsEmpty())) << name;
  }
  EXPECT_EQ(FindFormat("harbour"), nullptr);
  EXPECT_EQ(FindFormat(""), nullptr);
}

TEST(Formats, ABinaryCloudEventHasItsAttributesInHeaders) {
  const Encoded encoded = Encode("cloudevents", Push(), "registry.example.com");
  auto lines = Lines(encoded.fields);
  EXPECT_EQ(lines["ce-specversion"], "1.0");
  EXPECT_EQ(lines["ce-id"], Push().id);
  EXPECT_THAT(lines["ce-type"], Not(IsEmpty()));
  EXPECT_THAT(lines["ce-source"], HasSubstr("registry.example.com"));
  EXPECT_FALSE(lines.contains("ce-datacontenttype"));
  EXPECT_FALSE(lines.contains("ce-data"));
  EXPECT_TRUE(nlohmann::json::parse(encoded.body).is_object());
}

TEST(Formats, CloudEventAttributesArePercentEncodedAsTheBindingWants) {
  store::Event event = Push();
  event.tag = "100% \"\xC3\xA9\"\r\nX-Injected: 1";
  auto lines = Lines(Encode("cloudevents", event, "registry.example.com").fields);
  EXPECT_FALSE(lines.contains("X-Injected"));
  EXPECT_EQ(lines["ce-subject"], "acme/app:100%25%20%22%C3%A9%22%EF%BF%BD%EF%BF%BDX-Injected:%201");
  for (const auto& [name, value] : ToCloudEvent(event, "registry.example.com").attributes) {
    if (name != "datacontenttype") EXPECT_EQ(http::PercentDecode(lines["ce-" + name]), value) << name;
  }
}

TEST(Formats, AStructuredCloudEventIsOneObjectWithoutHeaders) {
  const Encoded encoded = Encode("cloudevents-structured", Push(), "registry.example.com");
  EXPECT_THAT(encoded.fields, IsEmpty());
  const auto event = nlohmann::json::parse(encoded.body);
  EXPECT_EQ(event["specversion"], "1.0");
  EXPECT_EQ(event["id"], Push().id);
  EXPECT_TRUE(event["data"].is_object());
}

}  // namespace
}  // namespace portcall::sinks
