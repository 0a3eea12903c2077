#include "store/event.h"

#include <array>

namespace portcall::store {

namespace {

constexpr std::array<std::string_view, 4> kActions{"push", "pull", "mount", "delete"};
constexpr std::array<std::string_view, 4> kKinds{"blob", "manifest", "tag", "repository"};

template <class T>
std::optional<T> Find(const std::array<std::string_view, 4>& names, std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<T>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view NameOf(Action action) { return kActions.at(static_cast<std::size_t>(action)); }
std::string_view NameOf(Kind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }
std::optional<Action> ActionOf(std::string_view name) { return Find<Action>(kActions, name); }
std::optional<Kind> KindOf(std::string_view name) { return Find<Kind>(kKinds, name); }

}  // namespace portcall::store
