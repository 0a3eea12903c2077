#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace portcall::config {

// What can happen, and to what. Numbers are stored: they never change.

// The first four change or read the registry. The others are recorded for the audit log, and go to endpoints that ask
// for them alone: a request that was refused, a configuration that was loaded anew, an endpoint that came, went or
// changed, a signed audit checkpoint, dead letters that were dropped, a replay that was asked for.
enum class Action : std::uint8_t {
  kPush = 0,
  kPull = 1,
  kMount = 2,
  kDelete = 3,
  kRefused = 4,
  kReload = 5,
  kEndpoint = 6,
  kCheckpoint = 7,
  kDrop = 8,
  kReplay = 9,
};
// kTag: a tag is named. kSystem: no part of a repository.
enum class EventKind : std::uint8_t { kBlob = 0, kManifest = 1, kTag = 2, kRepository = 3, kSystem = 4 };

// As the log, the receivers and the configuration file spell them, each at its number.
inline constexpr std::array<std::string_view, 10> kActionNames{"push",   "pull",     "mount",      "delete", "refused",
                                                               "reload", "endpoint", "checkpoint", "drop",   "replay"};
inline constexpr std::array<std::string_view, 5> kKindNames{"blob", "manifest", "tag", "repository", "system"};
inline constexpr std::size_t kActions = kActionNames.size(), kKinds = kKindNames.size();
inline constexpr std::size_t kRegistryActions = 4;

constexpr std::string_view NameOf(Action action) { return kActionNames.at(static_cast<std::size_t>(action)); }
constexpr std::string_view NameOf(EventKind kind) { return kKindNames.at(static_cast<std::size_t>(kind)); }

template <class T, std::size_t N>
constexpr std::optional<T> FindName(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<T>(i);
  }
  return std::nullopt;
}
constexpr std::optional<Action> ActionOf(std::string_view name) { return FindName<Action>(kActionNames, name); }
constexpr std::optional<EventKind> KindOf(std::string_view name) { return FindName<EventKind>(kKindNames, name); }

}  // namespace portcall::config
