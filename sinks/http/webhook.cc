#include "sinks/http/webhook.h"

#include <algorithm>

#include "config/hidden.h"
#include "runtime/clock.h"
#include "runtime/version.h"
#include "sinks/http/answer.h"
#include "sinks/http/client_options.h"
#include "sinks/http/credentials.h"
#include "sinks/http/retry_after.h"

namespace portcall::sinks {
namespace {

using http::IsFraming;
using http::IsToken;

bool IsFieldValue(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c == '\t' || !runtime::IsControl(c); });
}

bool Configured(const config::HeaderList& headers, std::string_view name) {
  return std::ranges::any_of(headers, [&](const auto& h) { return http::EqualsIgnoreCase(h.first, name); });
}

Result<void> CheckHeaders(const config::Endpoint& endpoint, const WebhookConfig& own) {
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsToken(name)) {
      return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": '" + name + "' is not a header name");
    }
    if (!IsFieldValue(value)) {
      return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": the value of header " + name +
                                       " holds a line break or another control character");
    }
  }
  if (own.hmac_secret.empty()) return {};
  const std::string& name = own.hmac_header;
  if (!IsToken(name) || IsFraming(name) || http::EqualsIgnoreCase(name, "Content-Type")) {
    return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": '" + name + "' cannot carry the body's HMAC");
  }
  if (Configured(endpoint.headers, name)) {
    return Error(Errc::kInvalid,
                 "endpoint " + endpoint.name + ": header " + name + " carries the body's HMAC, and is configured too");
  }
  return {};
}

// What the redactor must know: a receiver that has the HMAC's secret may show it in its answer.
config::HeaderList SecretsOf(const config::Endpoint& endpoint, const WebhookConfig& own,
                             const http::ClientOptions& to) {
  config::HeaderList secrets = SecretsOfProxy(to);
  secrets.insert(secrets.end(), endpoint.headers.begin(), endpoint.headers.end());
  secrets.emplace_back("hmac-secret", own.hmac_secret);
  for (const std::string& brought : endpoint.hidden) secrets.emplace_back("secret", brought);
  return secrets;
}

// Request line and fields. A configured field stands in place of ours.
std::string MakeHead(const config::Endpoint& endpoint, const http::Url& url, std::string_view content_type) {
  std::string head = "POST " + url.target + " HTTP/1.1\r\nHost: " + url.host_header() + "\r\n";
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  if (!Configured(endpoint.headers, "User-Agent")) add("User-Agent", runtime::kUserAgent);
  if (!Configured(endpoint.headers, "Content-Type")) add("Content-Type", content_type);
  if (!url.userinfo.empty() && !Configured(endpoint.headers, "Authorization")) {
    add("Authorization", "Basic " + BasicCredentials(url.userinfo));
  }
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFraming(name)) add(name, value);
  }
  return head;
}

}  // namespace

Webhook::Webhook(const config::Endpoint& endpoint, WebhookConfig own, const http::ClientOptions& to)
    : timeout_(endpoint.timeout),
      resend_on_stale_(endpoint.retry_on_timeout),
      source_(endpoint.source),
      own_(std::move(own)),
      hidden_(endpoint.hidden),
      redactor_(SecretsOf(endpoint, own_, to), to.url),
      redirects_(to.url) {
  capacity_.window = static_cast<std::size_t>(std::max(1, endpoint.concurrency));
  capacity_.batch = static_cast<std::size_t>(std::max(1, endpoint.batch));
}

Result<std::unique_ptr<Sink>> Webhook::Make(const config::Endpoint& endpoint, const Surroundings& around) {
  Result<http::Url> url = http::ParseUrl(endpoint.url);
  if (!url) return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": " + url.error().detail);
  const auto own = endpoint.As<WebhookConfig>();
  if (own == nullptr) return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": its settings are missing");
  if (auto checked = CheckHeaders(endpoint, *own); !checked) return Error(checked.error());

  auto options = ClientOptionsOf(endpoint, *url, around.log);
  if (!options) return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": " + options.error().detail);
  std::unique_ptr<Webhook> sink(new Webhook(endpoint, *own, *options));
  sink->format_ = FindFormat(endpoint.format);
  if (sink->format_ == nullptr) {
    return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": unknown format '" + endpoint.format + "'");
  }
  sink->shape_ = endpoint.format;
  if (sink->format_->sends_source) sink->shape_.append("\n").append(endpoint.source);
  sink->bodies_ = around.bodies;
  sink->head_ = MakeHead(endpoint, *url, sink->format_->content_type);

  options->keep_body = kKeepAnswer;
  options->max_idle = sink->capacity_.window;
  sink->client_ = std::make_unique<http::Client>(around.executor, around.resolver, *std::move(options));
  return std::unique_ptr<Sink>(std::move(sink));
}

Capacity Webhook::capacity() const { return capacity_; }

std::shared_ptr<const Encoded> Webhook::Encode(const Batch& batch) const {
  const auto encode = [&] { return format_->encode(batch.events, source_); };
  if (batch.events.size() != 1) return std::make_shared<const Encoded>(encode());
  return bodies_->Of(batch.events.front(), shape_, encode);
}

Task<Outcome> Webhook::Deliver(Batch batch) {
  const runtime::Clock& clock = runtime::SystemClock();
  const auto started = clock.Ticks();
  const std::shared_ptr<const Encoded> encoded = Encode(batch);
  std::string head = head_ + encoded->fields;
  if (!own_.hmac_secret.empty()) {
    head.append(own_.hmac_header).append(": ").append(BodySignature(own_.hmac_secret, encoded->body)).append("\r\n");
  }
  Outcome outcome;
  outcome.maybe_received = false;
  const http::Outgoing request{head, encoded->body, resend_on_stale_, &outcome.maybe_received,
                               /*head_suffices=*/true};
  Result<http::Incoming> answer = co_await client_->Send(request, timeout_);
  if (answer) {
    outcome = Judge(std::move(*answer));  // makes maybe_received true again: there is an answer
  } else {
    outcome.error = config::Hidden(std::move(answer).error().detail, hidden_);
  }
  outcome.latency = clock.Ticks() - started;
  co_return outcome;
}

Outcome Webhook::Judge(http::Incoming answer) const {
  Outcome outcome;
  outcome.verdict = VerdictOf(answer.status);
  outcome.status = answer.status;
  outcome.status_text = StatusText(answer.status);
  if (outcome.verdict == Verdict::kDelivered) return outcome;
  // The bodies of these formats are always whole, and updaters say 400 to a wrong secret as well.
  if (format_->for_images && answer.status == 400) outcome.verdict = Verdict::kFailed;
  outcome.error = outcome.status_text;
  if (answer.status >= 300 && answer.status < 400) outcome.error += redirects_.Explain(answer.location, redactor_);
  outcome.retry_after = ParseRetryAfter(answer.retry_after, runtime::SystemClock().Now());
  const bool cut = answer.cut || answer.body.size() >= kKeepAnswer;
  answer.body.resize(std::min(answer.body.size(), kKeepAnswer));
  outcome.answer = redactor_.Redact(std::move(answer.body), cut);
  return outcome;
}

}  // namespace portcall::sinks
