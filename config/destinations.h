#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace portcall::config {

using Millis = std::chrono::milliseconds;

// Which events an endpoint takes. An empty list says nothing. Repositories, tags and actors are globs: `*` within a
// path segment, `**` across them, `?` one character.
struct Selection {
  std::vector<std::string> actions, kinds, repositories, tags, media_types, actors;
};

// `type: kafka`. Templates are those of config/template.h.
struct KafkaConfig {
  std::vector<std::string> brokers;
  std::string topic;              // template over {{action}} and {{kind}} alone, so the topics are a closed set
  std::string key;                // template; default {{source}}/{{repository}}
  std::string dead_letter_topic;  // empty: none
  std::string compression = "none";
  bool tls = false;                                             // files in Endpoint::ca, certificate, key
  std::string sasl_mechanism, username, password;               // mechanism empty: no SASL
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's own, as they stand in the file
};

// `type: ci`: one preset with the words that it needs.
using Words = std::map<std::string, std::string>;
struct CiRoute {
  std::string repositories;  // a glob; the first that fits counts
  Words words;               // over those of the endpoint
};
struct CiConfig {
  std::string preset;  // a name, or a file's path
  std::shared_ptr<const struct CiPreset> definition;
  Words words;                                                 // project, ref, token, …
  std::vector<std::pair<std::string, std::string>> variables;  // name and template
  std::vector<CiRoute> routes;                                 // empty: every repository, with `words` alone
};

// `type: audit`.
struct AuditConfig {
  std::string directory, format = "jsonl";  // jsonl, ecs
  std::string key;     // file of the Ed25519 private key (PEM); empty: <directory>/checkpoint.key, made there
  std::string origin;  // of the checkpoints; default: the source, else the endpoint's name
  int checkpoint_records = 1'000;
  Millis checkpoint_interval{60'000};
  std::uint64_t rotate_bytes = 256ull << 20;
  Millis rotate_interval{std::chrono::hours(24)};
  bool compress = true;
  Millis keep{0};        // closed segments older than this go; 0: kept for ever
  bool publish = false;  // checkpoints become events, because an endpoint takes them
};

}  // namespace portcall::config
