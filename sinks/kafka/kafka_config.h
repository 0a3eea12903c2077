#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"

namespace portcall::sinks {

// What an entry of `type: kafka` says. Templates are those of sinks/formats/template.h.
struct KafkaConfig : config::Settings {
  std::vector<std::string> brokers;
  std::string topic;              // template over {{action}} and {{kind}} alone, so the topics are a closed set
  std::string key;                // template; default {{source}}/{{repository}}
  std::string dead_letter_topic;  // empty: none
  std::string compression = "none";
  bool tls = false;                                             // files in Endpoint::ca, certificate, key
  std::string sasl_mechanism, username, password;               // mechanism empty: no SASL
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's own, as they stand in the file
};

}  // namespace portcall::sinks
