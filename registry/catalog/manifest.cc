#include "registry/catalog/manifest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "runtime/text.h"
#include "store/digest.h"

namespace portcall::registry {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kSchema1 = "application/vnd.docker.distribution.manifest.v1+";
constexpr std::string_view kBuildCache = "application/vnd.buildkit.cacheconfig.v0";
constexpr int kMaxDepth = 64;
constexpr std::size_t kShownUrl = 200;

Error Invalid(std::string why) { return Error(Errc::kInvalid, std::move(why)); }

// The depth is checked before parsing: the JSON library nests its calls as deep as the text, and the stack is limited.
bool IsShallow(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

// Go's decoder compares a key with a field's name without case, also where the other case of a letter lies beyond
// ASCII: the key with ASCII for these two.
std::string Folded(std::string_view key) {
  std::string folded;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key.substr(i).starts_with("\u017f")) {
      folded += 's';
      i += 1;
    } else if (key.substr(i).starts_with("\u212a")) {
      folded += 'k';
      i += 2;
    } else {
      folded += key[i];
    }
  }
  return folded;
}

// Clients are written in Go, which takes "Layers" for "layers": a document must not say one thing to them and another
// to us.
Result<void> CheckNames(const Json& object, std::span<const std::string_view> names, const std::string& where) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(names, key) != names.end()) continue;
    const std::string folded = Folded(key);
    const auto variant = [&folded](std::string_view name) { return runtime::EqualsIgnoreCase(name, folded); };
    const auto meant = std::ranges::find_if(names, variant);
    if (meant == names.end()) continue;
    return Invalid(where + " has a key that differs from " + std::string(*meant) + " in case alone");
  }
  return {};
}

constexpr std::array<std::string_view, 8> kDocumentNames{"schemaVersion", "mediaType", "config",       "layers",
                                                         "manifests",     "subject",   "artifactType", "annotations"};
constexpr std::array<std::string_view, 8> kDescriptorNames{"mediaType",   "digest", "size",     "urls",
                                                           "annotations", "data",   "platform", "artifactType"};
constexpr std::array<std::string_view, 6> kPlatformNames{"architecture", "os",       "os.version",
                                                         "os.features",  "features", "variant"};

// Builds the document, and stops at a key that stands twice in one object: readers differ in which of the two they
// take. The library's own parser takes the last of them, and its callbacks cost the square of an array's length.
class DocumentBuilder : public nlohmann::json_sax<Json> {
 public:
  bool twice() const { return twice_; }
  Json Take() { return std::move(root_); }

  bool start_object(std::size_t) override {
    open_.push_back(&Add(Json::object()));
    return true;
  }
  bool key(string_t& name) override {
    const auto [member, fresh] = open_.back()->emplace(std::move(name), nullptr);
    member_ = &*member;
    twice_ = !fresh;
    return fresh;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override {
    open_.push_back(&Add(Json::array()));
    return true;
  }
  bool end_array() override { return Close(); }
  bool null() override { return Keep(nullptr); }
  bool boolean(bool value) override { return Keep(value); }
  bool number_integer(number_integer_t value) override { return Keep(value); }
  bool number_unsigned(number_unsigned_t value) override { return Keep(value); }
  bool number_float(number_float_t value, const string_t&) override { return Keep(value); }
  bool string(string_t& value) override { return Keep(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON's text
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  Json& Add(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    Json& parent = *open_.back();
    if (!parent.is_array()) return *member_ = std::move(value);
    parent.push_back(std::move(value));
    return parent.back();
  }
  bool Keep(Json value) {
    Add(std::move(value));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;  // an array does not grow while an element of it is open, so they stay where they are
  Json* member_ = nullptr;   // of the object that is open: the value of its last key
  bool twice_ = false;
};

Result<Json> ParseDocument(std::string_view bytes) {
  DocumentBuilder builder;
  const bool whole = Json::sax_parse(bytes, &builder);
  if (builder.twice()) return Invalid("the document has a key twice in one object");
  Json json = builder.Take();
  if (!whole || !json.is_object()) return Invalid("the document is not a JSON object");
  return json;
}

// A member that is null counts as absent: Go's encoders write null for what is absent.
const Json* Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<std::string> Text(const Json& object, const char* name) {
  const Json* member = Member(object, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return Invalid(std::string(name) + " is not a string");
  return member->get<std::string>();
}

// Content that its author says is kept elsewhere and must not be pushed.
bool IsForeign(std::string_view media_type) {
  return media_type.starts_with("application/vnd.oci.image.layer.nondistributable.") ||
         media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}

Result<bool> HasUrls(const Json& object, const ManifestRules& rules) {
  const Json* urls = Member(object, "urls");
  if (urls == nullptr) return false;
  if (!urls->is_array()) return Invalid("urls of a descriptor is not a list");
  if (urls->empty()) return false;
  for (const Json& url : *urls) {
    if (!url.is_string()) return Invalid("urls of a descriptor holds something that is not a string");
    const auto& text = url.get_ref<const std::string&>();
    const bool known = text.starts_with("https://") || text.starts_with("http://");
    if (!known || text.find('#') != std::string::npos) return Invalid("a descriptor has an invalid url");
    if (!rules.urls.Allows(text)) {
      return Invalid("a descriptor has a url that is not allowed here (validation.manifests.urls): " +
                     text.substr(0, kShownUrl));
    }
  }
  return true;
}

struct ReadDescriptor {
  store::Descriptor descriptor;
  bool elsewhere = false;
};

Result<ReadDescriptor> Read(const Json& json, const ManifestRules& rules, const std::string& where) {
  if (!json.is_object()) return Invalid(where + " is not a descriptor");
  if (auto named = CheckNames(json, kDescriptorNames, where); !named) return named.error();
  ReadDescriptor read;
  auto media_type = Text(json, "mediaType");
  auto digest = Text(json, "digest");
  if (!media_type) return Invalid(where + ": " + media_type.error().detail);
  if (!digest || !store::Digest::Parse(*digest)) return Invalid(where + " has no valid digest");
  const Json* size = Member(json, "size");
  if (size == nullptr || !size->is_number_unsigned() || size->get<std::uint64_t>() > INT64_MAX) {
    return Invalid(where + " has no valid size");
  }
  const auto urls = HasUrls(json, rules);
  if (!urls) return urls.error();
  read.elsewhere = *urls && IsForeign(*media_type);
  read.descriptor.media_type = std::move(*media_type);
  read.descriptor.digest = std::move(*digest);
  read.descriptor.size = size->get<std::int64_t>();
  if (const Json* platform = Member(json, "platform")) {
    if (!platform->is_object()) return Invalid(where + " has a platform that is not an object");
    if (auto named = CheckNames(*platform, kPlatformNames, where + ".platform"); !named) return named.error();
    read.descriptor.platform = platform->dump();
  }
  return read;
}

Result<void> ReadImage(const Json& json, const ManifestRules& rules, Manifest& manifest) {
  // One document must not be an image to one reader and an index to another.
  if (Member(json, "manifests") != nullptr) return Invalid("an image manifest must not have manifests");
  const Json* config = Member(json, "config");
  if (config == nullptr) return Invalid("config is missing");
  auto read_config = Read(*config, rules, "config");
  if (!read_config) return read_config.error();
  manifest.blobs.push_back(read_config->descriptor.digest);
  manifest.references.push_back(std::move(read_config->descriptor));
  const Json* layers = Member(json, "layers");
  if (layers == nullptr) return {};
  if (!layers->is_array()) return Invalid("layers is not a list");
  for (const Json& layer : *layers) {
    auto read = Read(layer, rules, "layers[" + std::to_string(manifest.references.size() - 1) + "]");
    if (!read) return read.error();
    if (!read->elsewhere) manifest.blobs.push_back(read->descriptor.digest);
    manifest.references.push_back(std::move(read->descriptor));
  }
  return {};
}

// Whether a child of an index must be in the repository. Of listed platforms only those that it names are.
Result<bool> IsRequired(const Json& child, const ManifestRules& rules) {
  if (rules.children != ManifestRules::Children::kListed) return rules.children == ManifestRules::Children::kAll;
  const Json* json = Member(child, "platform");
  if (json == nullptr) return false;
  const auto os = Text(*json, "os"), architecture = Text(*json, "architecture");
  if (!os) return os.error();
  if (!architecture) return architecture.error();
  return std::ranges::find(rules.platforms, config::Platform{*os, *architecture}) != rules.platforms.end();
}

Result<void> ReadIndex(const Json& json, const ManifestRules& rules, Manifest& manifest) {
  if (Member(json, "config") != nullptr || Member(json, "layers") != nullptr) {
    return Invalid("an index must not have config or layers");
  }
  const Json* children = Member(json, "manifests");
  if (children == nullptr) return {};
  if (!children->is_array()) return Invalid("manifests is not a list");
  for (const Json& child : *children) {
    auto read = Read(child, rules, "manifests[" + std::to_string(manifest.references.size()) + "]");
    if (!read) return read.error();
    const auto required = IsRequired(child, rules);
    if (!required) return required.error();
    if (*required) manifest.children.push_back(read->descriptor.digest);
    manifest.references.push_back(std::move(read->descriptor));
  }
  return {};
}

Result<void> ReadExtras(const Json& json, bool index, Manifest& manifest) {
  if (const Json* subject = Member(json, "subject")) {
    auto read = Read(*subject, ManifestRules(), "subject");
    if (!read) return read.error();
    manifest.subject = std::move(read->descriptor.digest);
  }
  auto artifact_type = Text(json, "artifactType");
  if (!artifact_type) return artifact_type.error();
  manifest.artifact_type = std::move(*artifact_type);
  // image-spec: without artifactType, the media type of an image's config is its artifact type.
  if (manifest.artifact_type.empty() && !index) manifest.artifact_type = manifest.references.front().media_type;
  if (const Json* annotations = Member(json, "annotations")) {
    const bool strings = annotations->is_object() &&
                         std::ranges::all_of(*annotations, [](const Json& value) { return value.is_string(); });
    if (!strings) return Invalid("annotations is not an object of strings");
    if (!annotations->empty()) manifest.annotations = annotations->dump();
  }
  return {};
}

}  // namespace

std::string_view ArtifactTypeForEvents(const Manifest& manifest) {
  const bool cache = manifest.index && std::ranges::find(manifest.references, kBuildCache,
                                                         &store::Descriptor::media_type) != manifest.references.end();
  return cache ? kBuildCache : std::string_view(manifest.artifact_type);
}

std::string MediaTypeOf(std::string_view content_type) {
  return runtime::LowerCase(runtime::Trim(content_type.substr(0, content_type.find(';'))));
}

Result<Manifest> ParseManifest(std::string_view media_type, std::string_view bytes, const ManifestRules& rules) {
  if (media_type.empty()) return Invalid("the request has no Content-Type");
  if (media_type.starts_with(kSchema1)) {
    return Invalid("image manifest version 2, schema 1 is not supported; push with a newer client");
  }
  const bool docker = media_type == kDockerManifest || media_type == kDockerList;
  const bool index = media_type == kOciIndex || media_type == kDockerList;
  if (!docker && !index && media_type != kOciManifest) return Invalid("the Content-Type is no manifest's media type");
  if (!IsShallow(bytes)) return Invalid("the document is nested too deeply");
  const Result<Json> document = ParseDocument(bytes);
  if (!document) return document.error();
  const Json& json = *document;
  if (auto named = CheckNames(json, kDocumentNames, "the document"); !named) return named.error();
  const auto version = json.find("schemaVersion");
  if (version == json.end() || *version != 2) return Invalid("schemaVersion is not 2");
  const auto inner = Text(json, "mediaType");
  if (!inner) return inner.error();
  if (inner->empty() ? docker : *inner != media_type) return Invalid("mediaType and Content-Type differ");

  Manifest manifest;
  manifest.index = index;
  const auto body = index ? ReadIndex(json, rules, manifest) : ReadImage(json, rules, manifest);
  if (!body) return body.error();
  const auto extras = ReadExtras(json, index, manifest);
  if (!extras) return extras.error();
  return manifest;
}

}  // namespace portcall::registry
