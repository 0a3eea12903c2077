#include "sinks/formats/cloudevents.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sinks/facts.h"
#include "sinks/formats/go_json.h"
#include "runtime/text.h"

namespace portcall::sinks {
namespace {

constexpr std::size_t kSequenceDigits = 20;  // of the largest 64-bit number, so that texts sort as their numbers do

// Appends the members of JSON objects; leaves out what is empty.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void Open(std::string_view name = {}) {
    if (!name.empty()) Key(name);
    out_ += '{';
    bare_ = true;
  }
  void Close() {
    out_ += '}';
    bare_ = false;
  }
  void Key(std::string_view name) {
    if (!bare_) out_ += ',';
    bare_ = false;
    out_ += '"';
    out_ += name;  // ours: nothing to escape
    out_ += "\":";
  }
  void Text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    Key(name);
    AppendGoString(out_, value);
  }
  void Number(std::string_view name, std::int64_t value) {
    if (value == 0) return;
    Key(name);
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void Flag(std::string_view name, bool value) {
    Key(name);
    out_ += value ? "true" : "false";
  }
  void Raw(std::string_view name, std::string_view json) {
    Key(name);
    out_ += json;
  }

 private:
  std::string& out_;
  bool bare_ = true;  // nothing stands in the object yet
};

// An attribute is text without control characters; nearly always it is so already.
std::string Clean(std::string_view text) {
  const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
  if (std::ranges::all_of(text, plain)) return std::string(text);
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  const auto valid = nlohmann::json::parse(nlohmann::json(text).dump(-1, ' ', false, kReplace)).get<std::string>();
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
  w.Open("actor");
  w.Text("name", event.actor);
  w.Flag("verified", details.actor_verified);
  w.Close();
}

void WriteRequest(Writer& w, const store::Details& d) {
  const bool any = d.status != 0 || d.count != 0 ||
                   std::ranges::any_of(
                       std::initializer_list<const std::string*>{
                           &d.request_id, &d.request_addr, &d.peer, &d.forwarded, &d.request_host, &d.request_method,
                           &d.request_useragent, &d.tls_subject, &d.request_uri, &d.error_code},
                       [](const std::string* text) { return !text->empty(); });
  if (!any) return;
  w.Open("request");
  w.Text("id", d.request_id);
  w.Text("addr", d.request_addr);
  w.Text("peer", d.peer);
  w.Text("forwarded", d.forwarded);
  w.Text("host", d.request_host);
  w.Text("method", d.request_method);
  w.Text("userAgent", d.request_useragent);
  w.Text("tlsSubject", d.tls_subject);
  w.Text("uri", d.request_uri);
  w.Number("status", d.status);
  w.Text("errorCode", d.error_code);
  w.Number("count", d.count);
  w.Close();
}

void WriteSource(Writer& w, const store::Details& details) {
  if (details.source_addr.empty() && details.source_instance.empty()) return;
  w.Open("source");
  w.Text("addr", details.source_addr);
  w.Text("instance", details.source_instance);
  w.Close();
}

std::string References(const std::vector<store::Descriptor>& references) {
  std::string out = "[";
  for (const store::Descriptor& reference : references) {
    if (out.size() > 1) out += ',';
    Writer w(out);
    w.Open();
    w.Text("mediaType", reference.media_type);
    w.Text("digest", reference.digest);
    w.Number("size", reference.size);
    // A manifest's own text, so it is checked; an object is all that it may be.
    if (reference.platform.starts_with('{') && nlohmann::json::accept(reference.platform)) {
      w.Raw("platform", reference.platform);
    }
    w.Close();
  }
  return out + ']';
}

void AppendData(std::string& out, const store::Event& event) {
  const store::Details details = store::DecodeDetails(event.details);
  Writer w(out);
  w.Open();
  w.Text("action", store::NameOf(event.action));
  w.Text("kind", store::NameOf(event.kind));
  w.Text("repository", event.repository);
  w.Text("tag", event.tag);
  w.Text("digest", event.digest);
  w.Text("mediaType", event.media_type);
  w.Number("size", event.size);
  w.Text("previousDigest", details.previous_digest);
  w.Text("fromRepository", details.from_repository);
  w.Text("url", details.url);
  w.Text("subject", details.subject);
  w.Text("artifactType", details.artifact_type);
  if (!details.references.empty()) w.Raw("references", References(details.references));
  WriteActor(w, event, details);
  WriteRequest(w, details);
  WriteSource(w, details);
  w.Text("note", details.note);
  w.Number("seq", event.seq);
  w.Close();
}

std::vector<std::pair<std::string, std::string>> AttributesOf(const store::Event& event, std::string_view source) {
  std::vector<std::pair<std::string, std::string>> attributes;
  attributes.reserve(8);
  const auto add = [&](std::string_view name, std::string value) {
    attributes.emplace_back(std::string(name), std::move(value));
  };
  add("id", event.id);
  add("source", Clean(SourceOf(event, source)));
  add("specversion", "1.0");
  add("type", TypeOf(event));
  add("time", TimeOf(event.recorded_at));
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
  AppendData(made.data, event);
  return made;
}

std::string StructuredCloudEvent(const store::Event& event, std::string_view source) {
  std::string out;
  out.reserve(512 + ExpectedSize(event));
  Writer w(out);
  w.Open();
  for (const auto& [name, value] : AttributesOf(event, source)) w.Text(name, value);
  w.Text("datacontenttype", "application/json");
  w.Key("data");
  AppendData(out, event);
  w.Close();
  return out;
}

}  // namespace portcall::sinks
