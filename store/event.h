#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/event_names.h"

namespace portcall::store {

using Seq = std::int64_t;  // place in the log: from 1, never reused, no smaller one appears after a larger was seen

using config::Action;
using config::ActionOf;
using config::kActions;
using Kind = config::EventKind;
using config::KindOf;
using config::kKinds;
using config::NameOf;

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
  std::int64_t reference_count = 0;    // of all, where these are only the first of them; 0: they are all
  std::string request_id, request_addr, request_host, request_method, request_useragent;
  std::string source_addr, source_instance;
  std::string subject;        // digest that a pushed manifest refers to (a signature's image), or empty
  std::string artifact_type;  // of a pushed manifest: its artifactType, else its config's media type, or empty
  // For the audit log. The socket's own address, where request_addr is what a trusted proxy said; empty: the same.
  std::string peer;
  std::string forwarded;        // what trusted proxies said, as they said it
  std::string tls_subject;      // of a verified client certificate
  std::string request_uri;      // of a refused request: path without query
  std::string error_code;       // of a refused request: the registry's code, such as DENIED
  std::string note;             // of a system event: what happened, in a line; of a checkpoint its whole text
  int status = 0;               // of a refused request
  std::int64_t count = 0;       // of refused requests that this event stands for, 0: one
  bool actor_verified = false;  // the actor is an authenticated subject, not a claimed name
};
std::string EncodeDetails(const Details& details);
Details DecodeDetails(std::string_view json);  // unknown members are ignored; what is missing stays empty

// Of an event that was appended again for one cursor alone, because an operator wants its dead letter tried anew.
struct Retrial {
  std::int64_t cursor = 0;       // no other wants it
  std::int64_t recorded_at = 0;  // when it was recorded first
  std::vector<Seq> seqs;         // where it stood in the log before, the last ones at most

  static constexpr std::size_t kMostSeqs = 16;
};
std::string EncodeRetrial(const Retrial* retrial);                    // null: empty
std::shared_ptr<const Retrial> DecodeRetrial(std::string_view json);  // null: empty. Damaged: of nobody

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
  std::string actor;                                 // the name as authenticated or claimed; empty: anonymous
  std::string details;                               // EncodeDetails
  std::shared_ptr<const Retrial> retrial = nullptr;  // null: it stands where it was recorded

  // When it happened, for receivers.
  std::int64_t first_recorded_at() const { return retrial ? retrial->recorded_at : recorded_at; }
};
// What happens to the service itself: no repository; `note` says what in one line (of a checkpoint: its whole text).
// `operator_name`: of who did it, as this machine knows them; empty: nobody in particular.
Event SystemEvent(Action action, std::string note, std::string operator_name = {});
using EventPtr = std::shared_ptr<const Event>;

// What an event takes in memory, about: the ruler for everything that keeps events and is bounded in bytes.
std::size_t BytesOf(const Event& event);

}  // namespace portcall::store
