#include "sinks/formats/docker.h"

#include <nlohmann/json.hpp>

#include "runtime/json.h"
#include "runtime/time.h"

namespace portcall::sinks {
namespace {

enum class Version { kV1, kV2 };

using Writer = runtime::JsonWriter;

constexpr std::size_t kIndent = 3;  // as Go's MarshalIndent(…, "", "   ") is called

void WriteStrings(Writer& w, std::string_view name, const nlohmann::json& list) {
  if (!list.is_array() || list.empty()) return;
  w.BeginList(name);
  for (const nlohmann::json& item : list) {
    w.Item(item.is_string() ? item.get_ref<const std::string&>() : std::string());
  }
  w.EndList();
}

// The members of OCI's Platform, in the order of its Go struct. It is rare: only children of an index have one.
void WritePlatform(Writer& w, const std::string& text) {
  const auto platform = nlohmann::json::parse(text, nullptr, false);
  if (!platform.is_object()) return;
  const auto get = [&](const char* name) {
    const auto found = platform.find(name);
    return found != platform.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  w.Begin("platform");
  w.Text("architecture", get("architecture"));
  w.Text("os", get("os"));
  w.OptionalText("os.version", get("os.version"));
  if (const auto features = platform.find("os.features"); features != platform.end()) {
    WriteStrings(w, "os.features", *features);
  }
  w.OptionalText("variant", get("variant"));
  w.End();
}

void WriteDescriptor(Writer& w, Version version, std::string_view media_type, std::string_view digest,
                     std::int64_t size) {
  if (version == Version::kV1) {
    w.OptionalText("mediaType", media_type);
    w.OptionalNumber("size", size);
    w.OptionalText("digest", digest);
  } else {
    w.Text("mediaType", media_type);
    w.Text("digest", digest);
    w.Number("size", size);
  }
}

void WriteReferences(Writer& w, Version version, const std::vector<store::Descriptor>& references) {
  if (references.empty()) return;
  w.BeginList("references");
  for (const store::Descriptor& reference : references) {
    w.Begin();
    WriteDescriptor(w, version, reference.media_type, reference.digest, reference.size);
    // Distribution 2 knows platforms of index entries, but does not send them.
    if (version == Version::kV2 && !reference.platform.empty()) WritePlatform(w, reference.platform);
    w.End();
  }
  w.EndList();
}

void WriteTarget(Writer& w, Version version, const store::Event& event, const store::Details& details) {
  w.Begin("target");
  if (event.action == store::Action::kDelete) {
    // Distribution names what is gone and no more; of a tag not even the digest.
    WriteDescriptor(w, version, "", event.kind == store::Kind::kTag ? std::string_view() : event.digest, 0);
    w.OptionalText("repository", event.repository);
    w.OptionalText("tag", event.tag);
  } else {
    WriteDescriptor(w, version, event.media_type, event.digest, event.size);
    w.OptionalNumber("length", event.size);
    w.OptionalText("repository", event.repository);
    w.OptionalText("fromRepository", details.from_repository);
    w.OptionalText("url", details.url);
    w.OptionalText("tag", event.tag);
    WriteReferences(w, version, details.references);
  }
  w.End();
}

void WriteEvent(Writer& w, Version version, const store::Event& event) {
  const store::Details details = store::DecodeDetails(event.details);
  w.Begin();
  w.Text("id", event.id);
  w.Text("timestamp", runtime::Rfc3339Nano(event.first_recorded_at()));
  w.Text("action", store::NameOf(event.action));
  WriteTarget(w, version, event, details);
  w.Begin("request");
  w.Text("id", details.request_id);
  w.OptionalText("addr", details.request_addr);
  w.OptionalText("host", details.request_host);
  w.Text("method", details.request_method);
  w.Text("useragent", details.request_useragent);
  w.End();
  w.Begin("actor");
  w.OptionalText("name", event.actor);
  w.End();
  w.Begin("source");
  w.OptionalText("addr", details.source_addr);
  w.OptionalText("instanceID", details.source_instance);
  w.End();
  w.End();
}

std::string Envelope(Version version, std::span<const store::EventPtr> events) {
  std::size_t expected = 64;
  for (const store::EventPtr& event : events) expected += 1100 + 2 * event->details.size();
  std::string out;
  out.reserve(expected);
  Writer w(out, runtime::JsonSpelling::kGo, kIndent);
  w.Begin();
  w.BeginList("events");
  for (const store::EventPtr& event : events) {
    WriteEvent(w, version, *event);
  }
  w.EndList();
  w.End();
  return out;
}

}  // namespace

std::string DockerEnvelopeV1(std::span<const store::EventPtr> events) { return Envelope(Version::kV1, events); }
std::string DockerEnvelopeV2(std::span<const store::EventPtr> events) { return Envelope(Version::kV2, events); }

}  // namespace portcall::sinks
