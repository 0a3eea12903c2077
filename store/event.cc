#include "store/event.h"

#include <array>
#include <utility>

namespace portcall::store {

namespace {

constexpr std::array<std::string_view, kActions> kActionNames{"push",   "pull",     "mount",      "delete", "refused",
                                                              "reload", "endpoint", "checkpoint", "drop",   "replay"};
constexpr std::array<std::string_view, 5> kKindNames{"blob", "manifest", "tag", "repository", "system"};

template <class T, std::size_t N>
std::optional<T> Find(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<T>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view NameOf(Action action) { return kActionNames.at(static_cast<std::size_t>(action)); }
std::string_view NameOf(Kind kind) { return kKindNames.at(static_cast<std::size_t>(kind)); }
std::optional<Action> ActionOf(std::string_view name) { return Find<Action>(kActionNames, name); }
std::optional<Kind> KindOf(std::string_view name) { return Find<Kind>(kKindNames, name); }

Event SystemEvent(Action action, std::string note) {
  Details details;
  details.note = std::move(note);
  Event event;
  event.action = action;
  event.kind = Kind::kSystem;
  event.details = EncodeDetails(details);
  return event;
}

}  // namespace portcall::store
