#include "config/kind.h"

#include <algorithm>

namespace portcall::config {

const Key* Kind::FindKey(std::string_view key) const {
  for (const Keys& keys : traits_.keys) {
    if (const auto at = std::ranges::find(keys, key, &Key::name); at != keys.end()) return &*at;
  }
  return nullptr;
}

const Kind* FindKind(KindTable kinds, std::string_view name) {
  const auto at = std::ranges::find(kinds, name, &Kind::name);
  return at == kinds.end() ? nullptr : *at;
}

}  // namespace portcall::config
