#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "config/config.h"

namespace portcall::sinks {

// What an entry of `type: audit` says.
struct AuditConfig : config::Settings {
  std::string directory, format = "jsonl";  // jsonl, ecs
  std::string key;              // file of the Ed25519 private key (PEM); empty: <directory>/checkpoint.key, made there
  std::string origin;           // of the checkpoints; default: the source, else the endpoint's name
  bool default_origin = false;  // the file names none, so that a log keeps the one it began with
  int checkpoint_records = 1'000;
  config::Millis checkpoint_interval{60'000};
  std::uint64_t rotate_bytes = 256ull << 20;
  config::Millis rotate_interval{std::chrono::hours(24)};
  bool compress = true;
  config::Millis keep{0};  // closed segments older than this go; 0: kept for ever
  bool publish = false;    // checkpoints become events, because an endpoint takes them
};

}  // namespace portcall::sinks
