#include "sinks/formats/format.h"

#include <algorithm>
#include <array>
#include <boost/url/encode.hpp>
#include <boost/url/grammar/lut_chars.hpp>

#include "sinks/formats/cloudevents.h"
#include "sinks/formats/docker.h"
#include "sinks/formats/image_updaters.h"
#include "sinks/updaters.h"

namespace portcall::sinks {
namespace {

using Events = std::span<const store::EventPtr>;

constexpr std::string_view kJson = "application/json";

Encoded V1(Events events, std::string_view) { return {DockerEnvelopeV1(events), {}}; }
Encoded V2(Events events, std::string_view) { return {DockerEnvelopeV2(events), {}}; }

// Shapes that hold one event.
template <std::string (*kBody)(const store::Event&, std::string_view)>
Encoded One(Events events, std::string_view source) {
  return {kBody(*events.front(), source), {}};
}

// As the HTTP binding wants a header's value (CloudEvents 1.0, §3.1.3.2): so it is safe to send, whatever is in it.
std::string HeaderValue(std::string_view value) {
  constexpr auto kPlain = [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '%'; };
  constexpr boost::urls::grammar::lut_chars kAllowed(kPlain);
  return boost::urls::encode(value, kAllowed);
}

// Binary mode: attributes are header lines, the body is the data alone.
Encoded BinaryCloudEvent(Events events, std::string_view source) {
  CloudEvent event = ToCloudEvent(*events.front(), source);
  Encoded encoded{std::move(event.data), {}};
  for (const auto& [name, value] : event.attributes) {
    if (name == "datacontenttype") continue;  // is Content-Type, and must not come twice
    encoded.fields.append("ce-").append(name).append(": ").append(HeaderValue(value)).append("\r\n");
  }
  return encoded;
}

constexpr std::array kFormats{
    Format{.name = kDockerV1Name, .content_type = kDockerV1, .encode = &V1, .sends_source = false},
    Format{.name = "docker-v2", .content_type = kDockerV2, .encode = &V2, .sends_source = false},
    Format{.name = kCloudEventsName, .content_type = kJson, .encode = &BinaryCloudEvent, .says_all = true},
    Format{.name = kStructuredName,
           .content_type = kCloudEventsJson,
           .encode = &One<&StructuredCloudEvent>,
           .says_all = true},
    Format{.name = "harbor", .content_type = kJson, .encode = &One<&Harbor>, .for_images = true},
    Format{.name = "dockerhub", .content_type = kJson, .encode = &One<&DockerHub>, .for_images = true},
    Format{.name = "quay", .content_type = kJson, .encode = &One<&Quay>, .for_images = true},
    Format{.name = "acr", .content_type = kJson, .encode = &One<&Acr>, .for_images = true},
    Format{.name = "keel", .content_type = kJson, .encode = &One<&Keel>, .for_images = true},
};
constexpr auto kNames = [] {
  std::array<std::string_view, kFormats.size()> names;
  std::ranges::transform(kFormats, names.begin(), &Format::name);
  return names;
}();

}  // namespace

const Format* FindFormat(std::string_view name) {
  const auto at = std::ranges::find(kFormats, name, &Format::name);
  return at == kFormats.end() ? nullptr : &*at;
}

std::span<const std::string_view> FormatNames() { return kNames; }

bool IsForUpdaters(std::string_view format) {
  const Format* found = FindFormat(format);
  return found != nullptr && found->for_images;
}

std::string WhyNoForm(std::string_view format) {
  const Format* found = FindFormat(format);
  if (found != nullptr && found->says_all) return {};
  return std::string(format) + " has no form for it: write format: " + std::string(kCloudEventsName);
}

}  // namespace portcall::sinks
