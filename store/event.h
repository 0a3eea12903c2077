#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::store {

using Seq = std::int64_t;  // place in the log: from 1, never reused, no smaller one appears after a larger was seen

enum class Action : std::uint8_t { kPush = 0, kPull = 1, kMount = 2, kDelete = 3 };
enum class Kind : std::uint8_t { kBlob = 0, kManifest = 1, kTag = 2, kRepository = 3 };  // kTag: a tag is named

std::string_view NameOf(Action action);  // push, pull, mount, delete
std::string_view NameOf(Kind kind);      // blob, manifest, tag, repository
std::optional<Action> ActionOf(std::string_view name);
std::optional<Kind> KindOf(std::string_view name);

struct Descriptor {
  std::string media_type, digest;
  std::int64_t size = 0;
  std::string platform;  // JSON object text, or empty
};

// What filters and lanes do not need; kept as one JSON text in the log.
struct Details {
  std::string url;                     // where the target can be had, by digest
  std::string from_repository;         // of a mount
  std::string previous_digest;         // what the tag named before this push, or empty
  std::vector<Descriptor> references;  // of a manifest, where events.includereferences is on
  std::string request_id, request_addr, request_host, request_method, request_useragent;
  std::string source_addr, source_instance;
};
std::string EncodeDetails(const Details& details);
Details DecodeDetails(std::string_view json);  // unknown members are ignored; what is missing stays empty

// One row of the log. Immutable once appended; shared between endpoints.
struct Event {
  Seq seq = 0;                   // given by the store
  std::string id;                // UUIDv7, made once; the idempotency key everywhere
  std::int64_t recorded_at = 0;  // ns since 1970, given by the store; never decreases along seq
  Action action = Action::kPush;
  Kind kind = Kind::kBlob;
  std::string source;  // empty: this registry; else the relay that brought it
  std::string repository, tag, digest, media_type;
  std::int64_t size = 0;
  std::string actor;    // the name as authenticated or claimed; empty: anonymous
  std::string details;  // EncodeDetails
};
using EventPtr = std::shared_ptr<const Event>;

}  // namespace portcall::store
