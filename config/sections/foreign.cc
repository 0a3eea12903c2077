#include <algorithm>
#include <optional>
#include <utility>

#include "config/reader/scalars.h"
#include "config/sections/sections.h"

namespace portcall::config {
namespace {

void ReadVersion(MapReader& root) {
  std::string version;
  root.Read("version", version);
  if (version.empty()) {
    root.Error("version", "is missing: write version: 0.1");
  } else if (version != "0.1") {
    root.Error("version", Quoted(version) + " is not known: write version: 0.1");
  }
}

// Starting without the authentication that the file asks for would leave the registry open.
void RefuseAuth(MapReader& root) {
  const Value* auth = root.Get("auth");
  if (auth == nullptr || (auth->kind == Value::Kind::kScalar && auth->text == "none")) return;
  std::string kind = auth->kind == Value::Kind::kScalar ? auth->text : "";
  if (auth->kind == Value::Kind::kMap) {
    if (std::all_of(auth->members.begin(), auth->members.end(), [](const Member& m) { return m.key == "none"; }))
      return;
    for (const Member& member : auth->members) {
      if (member.key != "none") kind = member.key;
    }
  }
  root.Error("auth",
             Quoted(kind) +
                 " protects the registry, and authentication does not work here yet: without it anybody "
                 "could push and pull. Remove the section only if that is meant, and something in front protects it");
}

void RefuseMiddleware(MapReader& root) {
  MapReader section = root.Sub("middleware");
  for (std::string_view kind : {"registry", "repository", "storage"}) {
    section.ForEach(kind, [&](MapReader& entry) {
      bool disabled = false;
      std::string name;
      entry.Read("disabled", disabled);
      entry.Read("name", name);
      entry.Accept("options");
      if (!disabled) entry.Error("name", Quoted(name) + " does not work here: middleware is not supported");
    });
  }
  section.Finish();
}

// Sections that only other registries have: refused where ignoring them would open, redirect or lose something.
void ReadForeign(MapReader& root) {
  MapReader proxy = root.Sub("proxy");
  std::string remote;
  proxy.Read("remoteurl", remote);
  if (!remote.empty()) proxy.Error("remoteurl", "a pull-through cache does not work here yet");
  RefuseMiddleware(root);

  MapReader database = root.Sub("database");
  std::string enabled = "false";
  database.Read("enabled", enabled);
  if (ParseFlag(enabled) != false) {
    database.Error("enabled",
                   "images that a PostgreSQL metadata database describes cannot be read here; the catalog is "
                   "SQLite, in the storage folder or at store.path");
  }
  MapReader compatibility = root.Sub("compatibility");
  MapReader schema1 = compatibility.Sub("schema1");
  bool old_manifests = false;
  schema1.Read("enabled", old_manifests);
  if (old_manifests) schema1.Warn("enabled", "has no effect here: manifests of schema 1 are refused");
  schema1.Accept("signingkeyfile");
  schema1.Accept("trustkey");
  schema1.Finish();
  compatibility.Finish();

  root.Ignore("redis", "caches are in memory");
  root.Ignore("policy", "repository classes are not checked");
  root.Ignore("reporting", "errors go to the log only");
  root.Ignore("profiling", "profiles are not sent anywhere");
  root.Ignore("gc", "garbage collection is a command of its own");
  root.Ignore("rate_limiter", "requests are not limited; put a proxy in front");
}

UrlRules ReadManifestUrls(MapReader& manifests) {
  MapReader section = manifests.Sub("urls");
  std::optional<UrlRules::Patterns> allow;
  UrlRules::Patterns deny;
  // A list without entries lets nothing pass.
  if (section.Has("allow")) section.Read("allow", allow.emplace());
  section.Read("deny", deny);
  const auto check = [&section](std::string_view key, const UrlRules::Patterns& patterns) {
    for (const std::string& pattern : patterns) {
      const std::string why = WhyBadPattern(pattern);
      if (!why.empty()) section.Error(key, Quoted(pattern) + " is no regular expression: " + why);
    }
  };
  if (allow) check("allow", *allow);
  check("deny", deny);
  section.Finish();
  return UrlRules(std::move(allow), std::move(deny));
}

void ReadIndexes(MapReader& manifests, ValidationConfig& validation) {
  using Children = ValidationConfig::Children;
  MapReader section = manifests.Sub("indexes");
  std::string platforms = "all";
  section.ReadChoice("platforms", {"all", "none", "list"}, platforms);
  section.ForEach("platformlist", [&validation](MapReader& entry) {
    Platform& platform = validation.platforms.emplace_back();
    for (auto [key, text] : {std::pair("os", &platform.os), std::pair("architecture", &platform.architecture)}) {
      entry.Read(key, *text);
      if (text->empty()) entry.Error(key, "is missing");
    }
    entry.Finish();
  });
  if (platforms == "none") validation.children = Children::kNone;
  if (platforms == "list" && validation.platforms.empty()) {
    section.Warn("platforms", "list without a platformlist checks all that an index names");
  } else if (platforms == "list") {
    validation.children = Children::kListed;
  } else if (!validation.platforms.empty()) {
    section.Warn("platformlist", "has an effect with platforms: list alone");
    validation.platforms.clear();
  }
  section.Finish();
}

void ReadValidation(MapReader& root, ValidationConfig& validation) {
  MapReader section = root.Sub("validation");
  bool enabled = false;
  section.Read("enabled", enabled);  // Distribution's older key, which there prevails
  section.Read("disabled", validation.disabled);
  MapReader manifests = section.Sub("manifests");
  validation.urls = ReadManifestUrls(manifests);
  ReadIndexes(manifests, validation);
  manifests.Ignore("referencelimit", "manifests are bounded by their size, 4 MiB");
  manifests.Ignore("payloadsizelimit", "manifests are bounded by 4 MiB");
  manifests.Finish();
  section.Finish();
  if (enabled) validation.disabled = false;
  if (validation.disabled) {
    validation = {};
    validation.disabled = true;
    validation.children = ValidationConfig::Children::kNone;
  }
}

}  // namespace

void ReadOthers(MapReader& root, Config& config) {
  ReadVersion(root);
  RefuseAuth(root);
  ReadForeign(root);
  ReadValidation(root, config.validation);
  MapReader catalog = root.Sub("catalog");
  catalog.Read("maxentries", 1, 1'000'000, config.catalog_max_entries);
  catalog.Finish();
  MapReader tags = root.Sub("tags");
  tags.Read("maxtags", 1, 1'000'000, config.tags_max);
  tags.Finish();
}

}  // namespace portcall::config
