#include "sinks/http/webhook_kind.h"

#include <algorithm>
#include <array>

#include "config/reader/scalars.h"
#include "config/sections/endpoint.h"
#include "runtime/http/message.h"
#include "runtime/text.h"
#include "sinks/formats/format.h"
#include "sinks/http/client_options.h"
#include "sinks/http/receiver_look.h"
#include "sinks/http/webhook.h"
#include "sinks/inspection.h"

namespace portcall::sinks {
namespace {

constexpr std::array<config::Key, 2> kKeys{{{"format"}, {"hmac"}}};

std::shared_ptr<const WebhookConfig> ReadHmac(config::MapReader& entry, const config::HeaderList& headers) {
  auto config = std::make_shared<WebhookConfig>();
  config::MapReader hmac = entry.Sub("hmac");
  if (!hmac.there()) return config;
  hmac.Read("secret", config->hmac_secret);
  hmac.Read("header", config->hmac_header);
  const std::string& name = config->hmac_header;
  if (config->hmac_secret.empty()) hmac.Error("secret", "is missing");
  if (const std::string why = config::WhyBadHeaderName(name); !why.empty()) hmac.Error("header", why);
  if (http::EqualsIgnoreCase(name, "Content-Type")) {
    hmac.Error("header", "says what the body is: write another, such as header: X-Signature");
  }
  const bool twice =
      std::ranges::any_of(headers, [&](const auto& header) { return http::EqualsIgnoreCase(header.first, name); });
  if (twice) hmac.Error("header", config::Quoted(name) + " stands in headers too");
  hmac.Finish();
  return config;
}

class Webhooks final : public Kind, public Inspectable {
 public:
  Webhooks() : Kind({.name = "webhook", .keys = {kKeys, config::kHttpKeys, config::kQueueKeys}}) {}

  void Read(config::MapReader& entry, config::Endpoint& endpoint) const override {
    endpoint.format = kDockerV1Name;
    entry.ReadChoice("format", FormatNames(), endpoint.format);
    const Format& format = *FindFormat(endpoint.format);
    endpoint.images_only = format.for_images;
    endpoint.sends_source = format.sends_source;
    config::ReadUrl(entry, endpoint);
    if (!entry.Has("url")) entry.Error("url", "is missing: write url: https://host/path");
    config::ReadHttpKeys(entry, endpoint);
    for (const auto& [name, value] : endpoint.headers) {
      if (endpoint.format == kCloudEventsName && runtime::LowerCase(name).starts_with("ce-")) {
        entry.Error("headers", config::Quoted(name) + " is an attribute of the event, which the format writes itself");
      }
    }
    endpoint.settings = ReadHmac(entry, endpoint.headers);
  }

  void Check(config::MapReader& entry, const config::Endpoint& endpoint) const override {
    CheckClientOptions(entry, endpoint);
  }

  std::string WhyNot(const config::Endpoint& endpoint, std::string_view) const override {
    return WhyNoForm(endpoint.format);
  }

  Result<std::unique_ptr<Sink>> Make(const config::Endpoint& endpoint, const Surroundings& around) const override {
    return Webhook::Make(endpoint, around);
  }

  runtime::Findings Inspect(const config::Endpoint& endpoint, std::chrono::milliseconds patience) const override {
    return LookAtReceiver(endpoint, patience);
  }
};

}  // namespace

const Kind& WebhookKind() {
  static const Webhooks kKind;
  return kKind;
}

}  // namespace portcall::sinks
