#include "registry/http/conditions.h"

namespace portcall::registry {

std::string EtagOf(std::string_view digest) {
  std::string tag;
  tag.reserve(digest.size() + 2);
  tag.append(1, '"').append(digest).append(1, '"');
  return tag;
}

bool NoneMatchNames(std::string_view header, std::string_view digest) {
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    std::string_view tag = header.substr(0, comma);
    header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
    while (!tag.empty() && (tag.front() == ' ' || tag.front() == '\t')) tag.remove_prefix(1);
    while (!tag.empty() && (tag.back() == ' ' || tag.back() == '\t')) tag.remove_suffix(1);
    if (tag == "*") return true;
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
    if (tag == digest) return true;
  }
  return false;
}

}  // namespace portcall::registry
