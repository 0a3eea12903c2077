#include "registry/catalog/manifest_members.h"

#include <algorithm>

#include "runtime/text.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kShownUrl = 200;

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

}  // namespace

const Name* Variant(std::string_view key, std::span<const Name> names) {
  const std::string folded = Folded(key);
  const auto variant = [&folded](const Name& known) { return runtime::EqualsIgnoreCase(known.name, folded); };
  const auto meant = std::ranges::find_if(names, variant);
  return meant == names.end() ? nullptr : &*meant;
}

bool IsForeign(std::string_view media_type) {
  return media_type.starts_with("application/vnd.oci.image.layer.nondistributable.") ||
         media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}

std::string WhyBadUrl(std::string_view url, const config::UrlRules& rules) {
  if (rules.allows_all()) return {};
  const std::string scheme = runtime::LowerCase(url.substr(0, url.find("://")));
  if ((scheme != "https" && scheme != "http") || scheme.size() == url.size() || url.find('#') != url.npos) {
    return "a descriptor has an invalid url";
  }
  if (rules.Allows(url)) return {};
  return "a descriptor has a url that is not allowed here (validation.manifests.urls): " +
         std::string(url.substr(0, kShownUrl));
}

}  // namespace portcall::registry
