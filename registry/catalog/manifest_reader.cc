#include "registry/catalog/manifest_reader.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "registry/catalog/manifest_members.h"
#include "runtime/json.h"
#include "store/digest.h"

namespace portcall::registry {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 64;
class ManifestReader : public nlohmann::json_sax<Json> {
 public:
  ManifestReader(bool index, const ManifestRules& rules) : index_(index), rules_(rules) {}

  Result<ManifestContent> Read(std::string_view bytes) {
    const bool whole = Json::sax_parse(bytes, this);
    if (wrong_) return *std::move(wrong_);
    if (!whole) return Error(Errc::kInvalid, "the document is not a JSON object");
    if (!version_2_) return Error(Errc::kInvalid, "schemaVersion is not 2");
    if (!index_ && !config_) return Error(Errc::kInvalid, "config is missing");
    Manifest& manifest = content_.manifest;
    manifest.index = index_;
    if (config_) {
      manifest.blobs.insert(manifest.blobs.begin(), config_->digest);
      manifest.references.insert(manifest.references.begin(), *std::move(config_));
    }
    // image-spec: without artifactType, the media type of an image's config is its artifact type.
    if (manifest.artifact_type.empty() && !index_) manifest.artifact_type = manifest.references.front().media_type;
    return std::move(content_);
  }

  bool start_object(std::size_t) override { return Open(/*list=*/false); }
  bool start_array(std::size_t) override { return Open(/*list=*/true); }
  bool key(string_t& name) override {
    keys_.push_back(std::hash<std::string_view>()(name));
    Role& next = frames_.back().next;
    switch (frames_.back().role) {
      case Role::kDocument:
        return Find(name, kDocumentNames, "the document", next) && OfDocument(name, next);
      case Role::kDescriptor:
        return Find(name, kDescriptorNames, "", next) && OfDescriptor(name);
      case Role::kPlatform:
        return Find(name, kPlatformNames, ".platform", next) && OfPlatform(name, next);
      case Role::kAnnotations:
        next = Role::kAnnotation;
        if (OfManifest()) AddMember(content_.manifest.annotations, name);
        return true;
      default:
        next = Role::kUnread;
        return true;
    }
  }
  bool end_object() override {
    const Frame frame = frames_.back();
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(frame.first_key);
    std::sort(first, keys_.end());
    // Readers differ in which of the two they take.
    const bool twice = std::adjacent_find(first, keys_.end()) != keys_.end();
    keys_.resize(frame.first_key);
    if (twice) return Fail("the document has a key twice in one object");
    std::string* text = frame.role == Role::kPlatform ? &entry_.descriptor.platform : nullptr;
    if (frame.role == Role::kAnnotations && OfManifest()) text = &content_.manifest.annotations;
    if (text != nullptr && !text->empty()) *text += '}';
    frames_.pop_back();
    return frame.role != Role::kDescriptor || TakeDescriptor();
  }
  bool end_array() override {
    if (frames_.back().role == Role::kFeatures) entry_.descriptor.platform += ']';
    frames_.pop_back();
    return true;
  }

  bool null() override {
    const Role role = Expected();
    if (role == Role::kAnnotation) return Annotation({});  // as Go reads it
    // Elsewhere it counts as absent: Go's encoders write it for what is.
    const bool needed = role == Role::kDocument || role == Role::kUrl || role == Role::kFeature ||
                        (role == Role::kDescriptor && frames_.back().list);
    return !needed || Unfit(role);
  }
  bool boolean(bool) override { return Other(); }
  bool number_integer(number_integer_t) override { return Other(); }
  bool number_unsigned(number_unsigned_t value) override {
    const Role role = Expected();
    if (role == Role::kVersion) {
      version_2_ = value == 2;
      return true;
    }
    if (role != Role::kSize) return Other();
    if (value <= INT64_MAX) entry_.size = static_cast<std::int64_t>(value);
    return true;
  }
  bool number_float(number_float_t, const string_t&) override { return Other(); }
  bool string(string_t& value) override {
    const Role role = Expected();
    switch (role) {
      case Role::kText:
        return Text(std::move(value));
      case Role::kUrl: {
        entry_.has_urls = true;
        if (place_ == Place::kSubject) return true;  // no content
        std::string why = WhyBadUrl(value, rules_.urls);
        return why.empty() || Fail(std::move(why));
      }
      case Role::kAnnotation:
        return Annotation(value);
      case Role::kFeature: {
        std::string& out = entry_.descriptor.platform;
        if (!out.ends_with('[')) out += ',';
        runtime::AppendJsonString(out, value, runtime::JsonSpelling::kPlain);
        return true;
      }
      default:
        return Other();
    }
  }
  bool binary(binary_t&) override { return false; }  // not in JSON's text
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  struct Frame {
    Role role;
    bool list;
    std::size_t first_key;      // in keys_
    Role next = Role::kUnread;  // of an object: the value of its last key
  };
  struct Entry {
    store::Descriptor descriptor;
    std::string os, architecture;
    std::optional<std::int64_t> size;
    bool has_urls = false;
  };

  bool Fail(std::string why) {
    wrong_ = Error(Errc::kInvalid, std::move(why));
    return false;
  }
  bool OfManifest() const { return frames_.size() == 2; }  // what is open, and not of a descriptor

  Role Expected() const {
    if (frames_.empty()) return Role::kDocument;
    const Frame& top = frames_.back();
    if (!top.list) return top.next;
    switch (top.role) {
      case Role::kDescriptors:
        return Role::kDescriptor;
      case Role::kUrls:
        return Role::kUrl;
      case Role::kFeatures:
        return Role::kFeature;
      default:
        return Role::kUnread;
    }
  }

  std::string Where() const {
    const Manifest& manifest = content_.manifest;
    switch (place_) {
      case Place::kConfig:
        return "config";
      case Place::kSubject:
        return "subject";
      case Place::kLayer:
        return "layers[" + std::to_string(manifest.references.size()) + "]";
      case Place::kChild:
        return "manifests[" + std::to_string(manifest.references.size()) + "]";
    }
    return {};
  }

  // A value that its place does not allow.
  bool Unfit(Role role) {
    switch (role) {
      case Role::kDocument:
        return Fail("the document is not a JSON object");
      case Role::kVersion:
        return Fail("schemaVersion is not 2");
      case Role::kText:
        if (text_name_ == "digest") return Fail(Where() + " has no valid digest");
        return Fail(std::string(text_name_) + " is not a string");
      case Role::kSize:
        return Fail(Where() + " has no valid size");
      case Role::kDescriptor:
        return Fail(Where() + " is not a descriptor");
      case Role::kDescriptors:
        return Fail(index_ ? "manifests is not a list" : "layers is not a list");
      case Role::kUrls:
        return Fail("urls of a descriptor is not a list");
      case Role::kUrl:
        return Fail("urls of a descriptor holds something that is not a string");
      case Role::kAnnotations:
      case Role::kAnnotation:
        return Fail("annotations is not an object of strings");
      case Role::kPlatform:
        return Fail(Where() + " has a platform that is not an object");
      case Role::kFeatures:
      case Role::kFeature:
        return Fail(Where() + " has features of a platform that are not a list of strings");
      case Role::kForeign:
        return Fail(index_ ? "an index must not have config or layers" : "an image manifest must not have manifests");
      case Role::kUnread:
        break;
    }
    return true;
  }
  bool Other() { return Unfit(Expected()); }

  bool Open(bool list) {
    const Role role = Expected();
    const bool lists = role == Role::kDescriptors || role == Role::kUrls || role == Role::kFeatures;
    const bool objects =
        role == Role::kDocument || role == Role::kDescriptor || role == Role::kAnnotations || role == Role::kPlatform;
    if (role != Role::kUnread && (list ? !lists : !objects)) return Unfit(role);
    if (frames_.size() == kMaxDepth) return Fail("the document is nested too deeply");
    if (role == Role::kDescriptor) entry_ = {};
    if (role == Role::kPlatform) entry_.descriptor.platform = "{";
    if (role == Role::kFeatures) {
      AddMember(entry_.descriptor.platform, text_name_);
      entry_.descriptor.platform += '[';
    }
    frames_.push_back({role, list, keys_.size()});
    return true;
  }

  // The role of a key. Clients are written in Go, which takes "Layers" for "layers": a document must not say one thing
  // to them and another to us.
  bool Find(std::string_view key, std::span<const Name> names, std::string_view below, Role& role) {
    role = Role::kUnread;
    for (const Name& known : names) {
      if (known.name != key) continue;
      role = known.role;
      return true;
    }
    const Name* meant = Variant(key, names);
    if (meant == nullptr) return true;
    const std::string where = names.data() == kDocumentNames.data() ? std::string(below) : Where() + std::string(below);
    return Fail(where + " has a key that differs from " + std::string(meant->name) + " in case alone");
  }

  bool OfDocument(std::string_view key, Role& role) {
    text_ = key == "mediaType" ? &content_.media_type : &content_.manifest.artifact_type;
    text_name_ = key == "mediaType" ? "mediaType" : "artifactType";
    if (key == "config") place_ = Place::kConfig;
    if (key == "layers") place_ = Place::kLayer;
    if (key == "manifests") place_ = Place::kChild;
    if (key == "subject") place_ = Place::kSubject;
    // One document must not be an image to one reader and an index to another.
    if (index_ ? key == "config" || key == "layers" : key == "manifests") role = Role::kForeign;
    return true;
  }
  bool OfDescriptor(std::string_view key) {
    text_ = key == "digest" ? &entry_.descriptor.digest : &entry_.descriptor.media_type;
    text_name_ = key == "digest" ? "digest" : "mediaType";
    return true;
  }
  // Only what OCI and Docker know of a platform is kept.
  bool OfPlatform(std::string_view key, Role role) {
    if (role == Role::kUnread) return true;
    text_ = nullptr;
    if (key == "os") text_ = &entry_.os;
    if (key == "architecture") text_ = &entry_.architecture;
    for (const Name& known : kPlatformNames) {
      if (known.name == key) text_name_ = known.name;
    }
    return true;
  }

  static void AddMember(std::string& out, std::string_view name) {
    out += out.size() > 1 ? "," : out.empty() ? "{" : "";
    runtime::AppendJsonString(out, name, runtime::JsonSpelling::kPlain);
    out += ':';
  }
  bool Text(std::string value) {
    if (frames_.back().role == Role::kPlatform) {
      AddMember(entry_.descriptor.platform, text_name_);
      runtime::AppendJsonString(entry_.descriptor.platform, value, runtime::JsonSpelling::kPlain);
    }
    if (text_ != nullptr) *text_ = std::move(value);
    return true;
  }
  bool Annotation(std::string_view value) {
    if (OfManifest()) {
      runtime::AppendJsonString(content_.manifest.annotations, value, runtime::JsonSpelling::kPlain);
    }
    return true;
  }

  bool TakeDescriptor() {
    store::Descriptor& descriptor = entry_.descriptor;
    if (!store::Digest::Parse(descriptor.digest)) return Fail(Where() + " has no valid digest");
    if (!entry_.size) return Fail(Where() + " has no valid size");
    descriptor.size = *entry_.size;
    Manifest& manifest = content_.manifest;
    switch (place_) {
      case Place::kConfig:
        config_ = std::move(descriptor);
        return true;
      case Place::kSubject:
        manifest.subject = std::move(descriptor.digest);
        return true;
      case Place::kLayer:
        if (!entry_.has_urls || !IsForeign(descriptor.media_type)) manifest.blobs.push_back(descriptor.digest);
        break;
      case Place::kChild:
        if (IsRequired()) manifest.children.push_back(descriptor.digest);
        break;
    }
    manifest.references.push_back(std::move(descriptor));
    return true;
  }

  // Whether a child of an index must be in the repository. Of listed platforms only those that it names are.
  bool IsRequired() const {
    if (rules_.children != ManifestRules::Children::kListed) return rules_.children == ManifestRules::Children::kAll;
    return std::ranges::find(rules_.platforms, config::Platform{entry_.os, entry_.architecture}) !=
           rules_.platforms.end();
  }

  const bool index_;
  const ManifestRules& rules_;
  ManifestContent content_;
  std::optional<store::Descriptor> config_;
  bool version_2_ = false;
  std::optional<Error> wrong_;

  std::vector<Frame> frames_;      // the objects and lists that are open
  std::vector<std::size_t> keys_;  // hashes of the keys of the objects that are open
  Place place_ = Place::kConfig;   // of the last descriptor or list of them
  Entry entry_;                    // the descriptor that is open
  std::string* text_ = nullptr;    // where the next text goes
  std::string_view text_name_;
};

}  // namespace

Result<ManifestContent> ReadManifest(std::string_view bytes, bool index, const ManifestRules& rules) {
  return ManifestReader(index, rules).Read(bytes);
}

}  // namespace portcall::registry
