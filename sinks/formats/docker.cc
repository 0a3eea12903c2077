#include "sinks/formats/docker.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/bytes.h"
#include "sinks/formats/go_json.h"

namespace portcall::sinks {
namespace {

enum class Version { kV1, kV2 };

// Writes what Go's MarshalIndent(…, "", "   ") writes: members one per line, empty objects as {}.
class Writer {
 public:
  explicit Writer(std::size_t expected) { out_.reserve(expected); }

  void OpenObject() { Open('{'); }
  void CloseObject() { Close('}'); }
  void OpenArray() { Open('['); }
  void CloseArray() { Close(']'); }
  void Element() { NextLine(); }
  void Key(std::string_view name) {
    NextLine();
    out_ += '"';
    out_ += name;  // ours: nothing to escape
    out_ += "\": ";
  }
  void String(std::string_view value) { AppendGoString(out_, value); }
  void Number(std::int64_t value) {
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void Member(std::string_view name, std::string_view value) {
    Key(name);
    String(value);
  }
  void Member(std::string_view name, std::int64_t value) {
    Key(name);
    Number(value);
  }
  void MemberIfAny(std::string_view name, std::string_view value) {
    if (!value.empty()) Member(name, value);
  }
  void MemberIfAny(std::string_view name, std::int64_t value) {
    if (value != 0) Member(name, value);
  }
  std::string Take() { return std::move(out_); }

 private:
  static constexpr std::size_t kIndent = 3;
  void Open(char bracket) {
    out_ += bracket;
    ++depth_;
    empty_ = true;
  }
  void Close(char bracket) {
    --depth_;
    if (!empty_) NewLine();
    out_ += bracket;
    empty_ = false;
  }
  void NextLine() {
    if (!empty_) out_ += ',';
    NewLine();
    empty_ = false;
  }
  void NewLine() {
    out_ += '\n';
    out_.append(depth_ * kIndent, ' ');
  }
  std::string out_;
  std::size_t depth_ = 0;
  bool empty_ = true;
};

void WriteStrings(Writer& w, std::string_view name, const nlohmann::json& list) {
  if (!list.is_array() || list.empty()) return;
  w.Key(name);
  w.OpenArray();
  for (const nlohmann::json& item : list) {
    w.Element();
    w.String(item.is_string() ? item.get_ref<const std::string&>() : std::string());
  }
  w.CloseArray();
}

// The members of OCI's Platform, in the order of its Go struct. It is rare: only children of an index have one.
void WritePlatform(Writer& w, const std::string& text) {
  const auto platform = nlohmann::json::parse(text, nullptr, false);
  if (!platform.is_object()) return;
  const auto get = [&](const char* name) {
    const auto found = platform.find(name);
    return found != platform.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  w.Key("platform");
  w.OpenObject();
  w.Member("architecture", get("architecture"));
  w.Member("os", get("os"));
  w.MemberIfAny("os.version", get("os.version"));
  if (const auto features = platform.find("os.features"); features != platform.end()) {
    WriteStrings(w, "os.features", *features);
  }
  w.MemberIfAny("variant", get("variant"));
  w.CloseObject();
}

void WriteDescriptor(Writer& w, Version version, std::string_view media_type, std::string_view digest,
                     std::int64_t size) {
  if (version == Version::kV1) {
    w.MemberIfAny("mediaType", media_type);
    w.MemberIfAny("size", size);
    w.MemberIfAny("digest", digest);
  } else {
    w.Member("mediaType", media_type);
    w.Member("digest", digest);
    w.Member("size", size);
  }
}

void WriteReferences(Writer& w, Version version, const std::vector<store::Descriptor>& references) {
  if (references.empty()) return;
  w.Key("references");
  w.OpenArray();
  for (const store::Descriptor& reference : references) {
    w.Element();
    w.OpenObject();
    WriteDescriptor(w, version, reference.media_type, reference.digest, reference.size);
    // Distribution 2 knows platforms of index entries, but does not send them.
    if (version == Version::kV2 && !reference.platform.empty()) WritePlatform(w, reference.platform);
    w.CloseObject();
  }
  w.CloseArray();
}

void WriteTarget(Writer& w, Version version, const store::Event& event, const store::Details& details) {
  w.Key("target");
  w.OpenObject();
  if (event.action == store::Action::kDelete) {
    // Distribution names what is gone and no more; of a tag not even the digest.
    WriteDescriptor(w, version, "", event.kind == store::Kind::kTag ? std::string_view() : event.digest, 0);
    w.MemberIfAny("repository", event.repository);
    w.MemberIfAny("tag", event.tag);
  } else {
    WriteDescriptor(w, version, event.media_type, event.digest, event.size);
    w.MemberIfAny("length", event.size);
    w.MemberIfAny("repository", event.repository);
    w.MemberIfAny("fromRepository", details.from_repository);
    w.MemberIfAny("url", details.url);
    w.MemberIfAny("tag", event.tag);
    WriteReferences(w, version, details.references);
  }
  w.CloseObject();
}

void WriteEvent(Writer& w, Version version, const store::Event& event) {
  const store::Details details = store::DecodeDetails(event.details);
  w.OpenObject();
  w.Member("id", event.id);
  w.Member("timestamp", runtime::Rfc3339Nano(event.recorded_at));
  w.Member("action", store::NameOf(event.action));
  WriteTarget(w, version, event, details);
  w.Key("request");
  w.OpenObject();
  w.Member("id", details.request_id);
  w.MemberIfAny("addr", details.request_addr);
  w.MemberIfAny("host", details.request_host);
  w.Member("method", details.request_method);
  w.Member("useragent", details.request_useragent);
  w.CloseObject();
  w.Key("actor");
  w.OpenObject();
  w.MemberIfAny("name", event.actor);
  w.CloseObject();
  w.Key("source");
  w.OpenObject();
  w.MemberIfAny("addr", details.source_addr);
  w.MemberIfAny("instanceID", details.source_instance);
  w.CloseObject();
  w.CloseObject();
}

std::string Envelope(Version version, std::span<const store::EventPtr> events) {
  std::size_t expected = 64;
  for (const store::EventPtr& event : events) expected += 1100 + 2 * event->details.size();
  Writer w(expected);
  w.OpenObject();
  w.Key("events");
  w.OpenArray();
  for (const store::EventPtr& event : events) {
    w.Element();
    WriteEvent(w, version, *event);
  }
  w.CloseArray();
  w.CloseObject();
  return w.Take();
}

}  // namespace

std::string DockerEnvelopeV1(std::span<const store::EventPtr> events) { return Envelope(Version::kV1, events); }
std::string DockerEnvelopeV2(std::span<const store::EventPtr> events) { return Envelope(Version::kV2, events); }

}  // namespace portcall::sinks
