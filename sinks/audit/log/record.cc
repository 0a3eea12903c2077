#include "sinks/audit/log/record.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "runtime/bytes.h"
#include "runtime/json.h"
#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::sinks::audit {
namespace {

using runtime::JsonWriter;

constexpr std::string_view kEcsHead = "{\"portcall\":";

// An event's id is made while its request is served, so the id's time is the request's.
std::string TimeOfId(std::string_view id) {
  const auto millis = runtime::UuidV7Millis(id);
  return millis ? runtime::Rfc3339Fixed(*millis * 1'000'000).substr(0, 23) + "Z" : std::string();
}

void WriteHead(JsonWriter& out, const Record& record) {
  out.Number("n", static_cast<std::int64_t>(record.n));
  out.Text("prev", record.prev);
  out.Number("seq", record.seq);
  out.Text("recorded", record.recorded);
}

void WriteOrigin(JsonWriter& out, const Record& record) {
  out.OptionalText("registry", record.source);
  out.OptionalText("node", record.node);
  out.OptionalText("instance", record.instance);
}

void WriteLine(JsonWriter& out, const Record& record) {
  out.Begin();
  WriteHead(out, record);
  out.OptionalText("time", record.time);
  out.Text("id", record.id);
  out.Text("action", record.action);
  out.Text("outcome", record.outcome);
  out.OptionalNumber("status", record.status);
  out.OptionalText("error", record.error_code);
  out.Begin("actor");
  out.Text("name", record.actor);
  out.Flag("verified", record.verified);
  out.End();
  out.Begin("source");
  out.OptionalText("address", record.address);
  out.OptionalText("client", record.client);
  out.OptionalText("forwarded", record.forwarded);
  out.OptionalText("userAgent", record.user_agent);
  out.OptionalText("tlsSubject", record.tls_subject);
  out.End();
  out.Begin("target");
  out.Text("kind", record.kind);
  out.OptionalText("repository", record.repository);
  out.OptionalText("tag", record.tag);
  out.OptionalText("digest", record.digest);
  out.OptionalText("mediaType", record.media_type);
  out.OptionalNumber("size", record.size);
  out.OptionalText("from", record.from_repository);
  out.End();
  out.OptionalText("previousDigest", record.previous_digest);
  out.Begin("request");
  out.OptionalText("id", record.request_id);
  out.OptionalText("method", record.method);
  out.OptionalText("host", record.host);
  out.OptionalText("uri", record.uri);
  out.End();
  WriteOrigin(out, record);
  out.OptionalNumber("count", record.count);
  out.OptionalText("note", record.note);
  out.End();
}

// ECS has closed sets of categories and types.
struct EcsClass {
  std::string_view category, type;
};
EcsClass ClassOf(std::string_view action) {
  if (action == "pull") return {"file", "access"};
  if (action == "push" || action == "mount") return {"file", "creation"};
  if (action == "delete") return {"file", "deletion"};
  if (action == "refused") return {"web", "denied"};
  if (action == "checkpoint") return {"configuration", "info"};
  return {"configuration", "change"};
}

// `host`, `host:port`, `[v6]:port`, `[v6]` or a bare IPv6 address.
struct HostPort {
  std::string_view host;  // without brackets
  std::int64_t port = 0;  // 0: there is none
};
HostPort HostPortOf(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const std::size_t close = bracketed ? text.find(']') : std::string_view::npos;
  const bool bare = !bracketed && text.find(':') != colon;
  const auto port = colon == std::string_view::npos || bare || (bracketed && colon != close + 1)
                        ? std::nullopt
                        : runtime::ParseNumber<std::uint16_t>(text.substr(colon + 1));
  HostPort place{port ? text.substr(0, colon) : text, port.value_or(0)};
  if (bracketed && place.host.ends_with(']')) place.host = place.host.substr(1, place.host.size() - 2);
  return place;
}

// As indexes take it: without a zone. Empty: it is none.
std::string IpOf(std::string_view host) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(host.substr(0, host.find('%')), ec);
  return ec ? std::string() : address.to_string();
}

// A SIEM wants the client's address as the source; the peer's address is written beside it behind a proxy.
void WriteEcsSource(JsonWriter& out, const Record& record) {
  const std::string& client = record.client.empty() ? record.address : record.client;
  const HostPort place = HostPortOf(client);
  const std::string ip = IpOf(place.host);
  out.Begin("source");
  out.OptionalText("address", client);
  out.OptionalText("ip", ip);
  if (ip.empty()) out.OptionalText("domain", place.host);
  out.OptionalNumber("port", place.port);
  out.End();
}

// ECS keeps the brackets of an IPv6 address in a URL's domain.
void WriteEcsUrl(JsonWriter& out, const Record& record) {
  const HostPort place = HostPortOf(record.host);
  const bool v6 = record.host.starts_with('[') && place.host.size() < record.host.size();
  const std::string_view uri = record.uri;
  const std::size_t mark = uri.find('?');
  out.Begin("url");
  out.OptionalText("domain", v6 ? '[' + std::string(place.host) + ']' : std::string(place.host));
  out.OptionalNumber("port", place.port);
  out.OptionalText("path", uri.substr(0, mark));
  if (mark != std::string_view::npos) out.Text("query", uri.substr(mark + 1));
  out.End();
}

void WriteEcsHttp(JsonWriter& out, const Record& record) {
  out.Begin("http");
  out.Begin("request");
  out.OptionalText("id", record.request_id);
  out.OptionalText("method", record.method);
  out.End();
  if (record.status != 0) {
    out.Begin("response");
    out.Number("status_code", record.status);
    out.End();
  }
  out.End();
  WriteEcsUrl(out, record);
}

void WriteEcsTarget(JsonWriter& out, const Record& record) {
  out.Begin("container");
  out.Begin("image");
  out.OptionalText("name", record.repository);
  if (!record.tag.empty()) out.TextList("tag", record.tag);
  if (!record.digest.empty()) {
    out.Begin("hash");
    out.TextList("all", record.digest);
    out.End();
  }
  out.End();
  out.End();
}

void WriteEcsEvent(JsonWriter& out, const Record& record) {
  const EcsClass of = ClassOf(record.action);
  out.Begin("event");
  out.Text("kind", "event");
  out.TextList("category", of.category);
  out.TextList("type", of.type);
  out.Text("action", record.action);
  out.Text("outcome", record.outcome);
  out.Text("id", record.id);
  out.Number("sequence", record.seq);
  out.OptionalText("code", record.error_code);
  out.OptionalText("created", record.recorded);
  out.End();
}

// What ECS has no field for stands under a name of ours, the chain's link first.
void WriteEcs(JsonWriter& out, const Record& record) {
  out.Begin();
  out.Begin("portcall");
  WriteHead(out, record);
  out.Flag("verified", record.verified);
  out.Text("kind", record.kind);
  out.OptionalText("peer", record.client.empty() ? std::string_view() : record.address);
  out.OptionalText("forwarded", record.forwarded);
  out.OptionalText("mediaType", record.media_type);
  out.OptionalNumber("size", record.size);
  out.OptionalText("from", record.from_repository);
  out.OptionalText("previousDigest", record.previous_digest);
  WriteOrigin(out, record);
  out.OptionalNumber("count", record.count);
  out.End();
  out.Text("@timestamp", record.time.empty() ? record.recorded : record.time);
  out.Begin("ecs");
  out.Text("version", "8.11.0");
  out.End();
  WriteEcsEvent(out, record);
  out.Begin("user");
  out.OptionalText("name", record.actor);
  out.End();
  WriteEcsSource(out, record);
  out.Begin("user_agent");
  out.OptionalText("original", record.user_agent);
  out.End();
  if (!record.tls_subject.empty()) {
    out.Begin("tls");
    out.Begin("client");
    out.Text("subject", record.tls_subject);
    out.End();
    out.End();
  }
  WriteEcsHttp(out, record);
  WriteEcsTarget(out, record);
  out.OptionalText("message", record.note);
  out.End();
}

bool Take(std::string_view& rest, std::string_view text) {
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  return true;
}

std::string_view TakeUntil(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  if (at == std::string_view::npos) return {};
  const std::string_view token = rest.substr(0, at);
  rest.remove_prefix(at);
  return token;
}

}  // namespace

std::optional<Format> FormatOf(std::string_view name) {
  const auto at = std::ranges::find(kFormatNames, name);
  if (at == kFormatNames.end()) return std::nullopt;
  return static_cast<Format>(at - kFormatNames.begin());
}

std::int64_t Link::SeqNumber() const {
  std::int64_t number = 0;
  std::from_chars(seq.data(), seq.data() + seq.size(), number);
  return number;
}

Record RecordOf(const store::Event& event, std::string_view source) {
  store::Details details = store::DecodeDetails(event.details);
  Record record;
  record.seq = event.seq;
  record.recorded = runtime::Rfc3339Fixed(event.recorded_at);
  record.time = TimeOfId(event.id);
  record.id = event.id;
  record.action = store::NameOf(event.action);
  record.outcome = event.action == store::Action::kRefused ? "failure" : "success";
  record.error_code = std::move(details.error_code);
  record.status = details.status;
  record.actor = event.actor;
  record.verified = details.actor_verified;
  const bool proxied = !details.peer.empty() && details.peer != details.request_addr;
  if (proxied) record.client = details.request_addr;
  record.address = proxied ? std::move(details.peer) : std::move(details.request_addr);
  record.forwarded = std::move(details.forwarded);
  record.user_agent = std::move(details.request_useragent);
  record.tls_subject = std::move(details.tls_subject);
  record.kind = store::NameOf(event.kind);
  record.repository = event.repository;
  record.tag = event.tag;
  record.digest = event.digest;
  record.media_type = event.media_type;
  record.previous_digest = std::move(details.previous_digest);
  record.from_repository = std::move(details.from_repository);
  record.size = event.size;
  record.request_id = std::move(details.request_id);
  record.method = std::move(details.request_method);
  record.host = std::move(details.request_host);
  record.uri = std::move(details.request_uri);
  record.source = event.source.empty() ? std::string(source) : event.source;
  record.node = std::move(details.source_addr);
  record.instance = std::move(details.source_instance);
  record.note = std::move(details.note);
  record.count = details.count;
  return record;
}

std::string LineOf(const Record& record, Format format) {
  std::string line;
  JsonWriter out(line, runtime::JsonSpelling::kGo);
  format == Format::kEcs ? WriteEcs(out, record) : WriteLine(out, record);
  return line;
}

const Hash& Genesis() {
  static constexpr Hash kZero{};
  return kZero;
}

std::optional<Link> LinkOf(std::string_view line) {
  std::string_view rest = line;
  Take(rest, kEcsHead);
  Link link;
  if (!Take(rest, "{\"n\":")) return std::nullopt;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), link.n);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
  if (!Take(rest, ",\"prev\":\"") || rest.size() < 2 * sizeof(Hash)) return std::nullopt;
  link.prev_at = line.size() - rest.size();
  link.prev = rest.substr(0, 2 * sizeof(Hash));
  rest.remove_prefix(link.prev.size());
  if (!Take(rest, "\",\"seq\":")) return std::nullopt;
  link.seq = TakeUntil(rest, ',');
  if (link.seq.empty() || !Take(rest, ",\"recorded\":\"")) return std::nullopt;
  link.recorded = TakeUntil(rest, '"');
  if (link.recorded.size() != 30 || !line.ends_with('}')) return std::nullopt;
  return link;
}

}  // namespace portcall::sinks::audit
