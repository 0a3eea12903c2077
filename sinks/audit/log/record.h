#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sinks/audit/log/merkle.h"
#include "store/event.h"

namespace portcall::sinks::audit {

// Both are one JSON object a line; kEcs names things as the Elastic Common Schema does.
enum class Format { kJsonLines, kEcs };
inline constexpr std::array<std::string_view, 2> kFormatNames{"jsonl", "ecs"};  // in the order of Format
std::optional<Format> FormatOf(std::string_view name);

// What every line begins with, whatever its format.
struct Link {
  std::uint64_t n = 0;        // place in the chain, from 0
  std::string_view prev;      // hex digits of the hash of the line before
  std::string_view seq;       // the event's place in the registry's log, in digits
  std::string_view recorded;  // RFC 3339 with nine digits, so that text order is time order
  std::size_t prev_at = 0;    // where in the line `prev` stands
  std::int64_t SeqNumber() const;
};

// Who did what, when, where and with what outcome. Texts that are empty and numbers that are 0 were not known.
struct Record {
  std::uint64_t n = 0;
  std::string prev;
  std::int64_t seq = 0;
  std::string recorded, time;  // when the log took it, when it happened
  std::string id, action, outcome, error_code;
  int status = 0;
  std::string actor;
  bool verified = false;  // an authenticated subject, not a claimed name
  // The socket's own peer; whom trusted proxies named; what they said word for word; a verified client certificate.
  std::string address, client, forwarded, user_agent, tls_subject;
  std::string kind, repository, tag, digest, media_type, previous_digest, from_repository;
  std::int64_t size = 0;
  std::string request_id, method, host, uri;
  std::string source, node, instance, note;  // the registry that the event came from, where it ran
  std::int64_t count = 0;                    // of refusals that this record stands for, 0: one
};

Record RecordOf(const store::Event& event, std::string_view source);
// One line, without its end, which holds no line break.
std::string LineOf(const Record& record, Format format);

// The hash that stands for the line before the first.
const Hash& Genesis();
// The head of a line as LineOf writes it; nothing: it is no such line. What it returns refers to the line.
std::optional<Link> LinkOf(std::string_view line);
// All of a line in either format; nothing: it is none.
std::optional<Record> ParseRecord(std::string_view line);

}  // namespace portcall::sinks::audit
