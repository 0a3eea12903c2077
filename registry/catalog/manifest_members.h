#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "config/url_rules.h"

namespace portcall::registry {

// What the members of manifests are called, and which of their values may stand there.

// What a value is, by where it stands.
enum class Role {
  kUnread,
  kDocument,
  kVersion,
  kText,
  kSize,
  kDescriptor,
  kDescriptors,
  kUrls,
  kUrl,
  kAnnotations,
  kAnnotation,
  kPlatform,
  kFeatures,
  kFeature,
  kForeign,  // a member of the other kind of document
};

enum class Place { kConfig, kLayer, kChild, kSubject };  // of a descriptor

struct Name {
  std::string_view name;
  Role role = Role::kUnread;
};
constexpr std::array<Name, 8> kDocumentNames{{{"schemaVersion", Role::kVersion},
                                              {"mediaType", Role::kText},
                                              {"config", Role::kDescriptor},
                                              {"layers", Role::kDescriptors},
                                              {"manifests", Role::kDescriptors},
                                              {"subject", Role::kDescriptor},
                                              {"artifactType", Role::kText},
                                              {"annotations", Role::kAnnotations}}};
constexpr std::array<Name, 8> kDescriptorNames{{{"mediaType", Role::kText},
                                                {"digest", Role::kText},
                                                {"size", Role::kSize},
                                                {"urls", Role::kUrls},
                                                {"annotations", Role::kAnnotations},
                                                {"data"},
                                                {"platform", Role::kPlatform},
                                                {"artifactType"}}};
constexpr std::array<Name, 6> kPlatformNames{{{"architecture", Role::kText},
                                              {"os", Role::kText},
                                              {"os.version", Role::kText},
                                              {"os.features", Role::kFeatures},
                                              {"features", Role::kFeatures},
                                              {"variant", Role::kText}}};

// Of `names` the one that `key` differs from in case alone; null: none.
const Name* Variant(std::string_view key, std::span<const Name> names);
// Why an address of a descriptor is refused; empty: it is not.
std::string WhyBadUrl(std::string_view url, const config::UrlRules& rules);
// Content that its author says is kept elsewhere and must not be pushed.
bool IsForeign(std::string_view media_type);

}  // namespace portcall::registry
