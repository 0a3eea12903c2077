#include "sinks/formats/cloudevents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/json.h"
#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::sinks {
namespace {

constexpr std::size_t kSequenceDigits = 20;  // of the largest 64-bit number, so that texts sort as their numbers do

using Writer = runtime::JsonWriter;
using runtime::JsonSpelling;

// An attribute is text without control characters; nearly always it is so already.
std::string Clean(std::string_view text) {
  const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
  if (std::ranges::all_of(text, plain)) return std::string(text);
  const auto valid = nlohmann::json::parse(runtime::Dump(nlohmann::json(text))).get<std::string>();
  std::string clean;
  for (const char c : valid) {
    if (runtime::IsControl(c)) {
      clean += "\ufffd";
    } else {
      clean += c;
    }
  }
  return clean;
}

std::string_view SourceOf(const store::Event& event, std::string_view configured) {
  if (!event.source.empty()) return event.source;
  return configured.empty() ? std::string_view("portcall") : configured;
}

// An attribute `source` is a URI-reference. An address with a port is none (a scheme begins with a letter), but an
// authority by itself is (RFC 3986 §4.2).
std::string UriOf(std::string source) {
  const std::size_t colon = source.find(':');
  const bool names_scheme = !source.empty() && runtime::IsLetter(source[0]);
  if (colon != std::string::npos && !names_scheme && source.find('/') > colon) source.insert(0, "//");
  return source;
}

std::string SubjectOf(const store::Event& event) {
  std::string subject = event.repository;
  if (!event.tag.empty()) return subject.append(":").append(event.tag);
  if (!event.digest.empty()) subject.append(subject.empty() ? "" : "@").append(event.digest);
  return subject;
}

std::string TypeOf(const store::Event& event) {
  std::string type = "portcall.";
  return type.append(store::NameOf(event.kind)).append(".").append(store::NameOf(event.action));
}

std::string SequenceOf(const store::Event& event) {
  const std::string digits = std::to_string(event.seq);
  return std::string(kSequenceDigits - std::min(kSequenceDigits, digits.size()), '0') + digits;
}

std::string PartitionKeyOf(const store::Event& event, std::string_view source) {
  std::string key(SourceOf(event, source));
  if (!event.repository.empty()) key.append("/").append(event.repository);
  return key;
}

void WriteActor(Writer& w, const store::Event& event, const store::Details& details) {
  if (event.actor.empty()) return;
  w.Begin("actor");
  w.OptionalText("name", event.actor);
  w.Flag("verified", details.actor_verified);
  w.End();
}

void WriteRequest(Writer& w, const store::Details& d) {
  const bool any = d.status != 0 || d.count != 0 ||
                   std::ranges::any_of(
                       std::initializer_list<const std::string*>{
                           &d.request_id, &d.request_addr, &d.peer, &d.forwarded, &d.request_host, &d.request_method,
                           &d.request_useragent, &d.tls_subject, &d.request_uri, &d.error_code},
                       [](const std::string* text) { return !text->empty(); });
  if (!any) return;
  w.Begin("request");
  w.OptionalText("id", d.request_id);
  w.OptionalText("addr", d.request_addr);
  w.OptionalText("peer", d.peer);
  w.OptionalText("forwarded", d.forwarded);
  w.OptionalText("host", d.request_host);
  w.OptionalText("method", d.request_method);
  w.OptionalText("userAgent", d.request_useragent);
  w.OptionalText("tlsSubject", d.tls_subject);
  w.OptionalText("uri", d.request_uri);
  w.OptionalNumber("status", d.status);
  w.OptionalText("errorCode", d.error_code);
  w.OptionalNumber("count", d.count);
  w.End();
}

void WriteSource(Writer& w, const store::Details& details) {
  if (details.source_addr.empty() && details.source_instance.empty()) return;
  w.Begin("source");
  w.OptionalText("addr", details.source_addr);
  w.OptionalText("instance", details.source_instance);
  w.End();
}

void WriteReferences(Writer& w, const std::vector<store::Descriptor>& references) {
  if (references.empty()) return;
  w.BeginList("references");
  for (const store::Descriptor& reference : references) {
    w.Begin();
    w.OptionalText("mediaType", reference.media_type);
    w.OptionalText("digest", reference.digest);
    w.OptionalNumber("size", reference.size);
    // A manifest's own text, so it is checked; an object is all that it may be.
    if (reference.platform.starts_with('{') && nlohmann::json::accept(reference.platform)) {
      w.Raw("platform", reference.platform);
    }
    w.End();
  }
  w.EndList();
}

void WriteData(Writer& w, const store::Event& event) {
  const store::Details details = store::DecodeDetails(event.details);
  w.OptionalText("action", store::NameOf(event.action));
  w.OptionalText("kind", store::NameOf(event.kind));
  w.OptionalText("repository", event.repository);
  w.OptionalText("tag", event.tag);
  w.OptionalText("digest", event.digest);
  w.OptionalText("mediaType", event.media_type);
  w.OptionalNumber("size", event.size);
  w.OptionalText("previousDigest", details.previous_digest);
  w.OptionalText("fromRepository", details.from_repository);
  w.OptionalText("url", details.url);
  w.OptionalText("subject", details.subject);
  w.OptionalText("artifactType", details.artifact_type);
  WriteReferences(w, details.references);
  w.OptionalNumber("referenceCount", details.reference_count);
  WriteActor(w, event, details);
  WriteRequest(w, details);
  WriteSource(w, details);
  w.OptionalText("note", details.note);
  w.OptionalNumber("seq", event.seq);
}

std::vector<std::pair<std::string, std::string>> AttributesOf(const store::Event& event, std::string_view source) {
  std::vector<std::pair<std::string, std::string>> attributes;
  attributes.reserve(8);
  const auto add = [&](std::string_view name, std::string value) {
    attributes.emplace_back(std::string(name), std::move(value));
  };
  add("id", event.id);
  add("source", UriOf(Clean(SourceOf(event, source))));
  add("specversion", "1.0");
  add("type", TypeOf(event));
  add("time", runtime::Rfc3339Fixed(event.first_recorded_at()));
  if (std::string subject = Clean(SubjectOf(event)); !subject.empty()) add("subject", std::move(subject));
  add("sequence", SequenceOf(event));
  add("partitionkey", Clean(PartitionKeyOf(event, source)));
  return attributes;
}

std::size_t ExpectedSize(const store::Event& event) { return 400 + event.repository.size() + event.details.size(); }

}  // namespace

CloudEvent ToCloudEvent(const store::Event& event, std::string_view source) {
  CloudEvent made;
  made.attributes = AttributesOf(event, source);
  made.data.reserve(ExpectedSize(event));
  Writer w(made.data, JsonSpelling::kGo);
  w.Begin();
  WriteData(w, event);
  w.End();
  return made;
}

std::string StructuredCloudEvent(const store::Event& event, std::string_view source) {
  std::string out;
  out.reserve(512 + ExpectedSize(event));
  Writer w(out, JsonSpelling::kGo);
  w.Begin();
  for (const auto& [name, value] : AttributesOf(event, source)) w.OptionalText(name, value);
  w.OptionalText("datacontenttype", "application/json");
  w.Begin("data");
  WriteData(w, event);
  w.End();
  w.End();
  return out;
}

}  // namespace portcall::sinks
