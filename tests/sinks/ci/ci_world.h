#pragma once

#include <cctype>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/http/url.h"
#include "sinks/ci/ci_preset.h"
#include "sinks/ci/ci_request.h"
#include "tests/support/kinds.h"

namespace portcall::sinks::testing {

inline config::Endpoint Endpoint(const std::string& preset, Words words) {
  auto loaded = LoadCiPreset(preset);
  if (!loaded) throw std::runtime_error(loaded.error().detail);
  auto ci = std::make_shared<CiConfig>();
  ci->preset = preset;
  ci->definition = *loaded;
  ci->words = std::move(words);
  config::Endpoint endpoint = portcall::testing::EndpointOf("ci");
  endpoint.name = "builds";
  endpoint.url = "https://ci.example:8443/base/";
  endpoint.source = "reg.example";
  endpoint.settings = std::move(ci);
  return endpoint;
}

using CiPtr = std::shared_ptr<const CiConfig>;
inline CiPtr WithVariables(CiConfig ci, std::vector<std::pair<std::string, std::string>> variables) {
  ci.variables = std::move(variables);
  return std::make_shared<const CiConfig>(std::move(ci));
}
inline CiPtr WithRoutes(CiConfig ci, std::vector<CiRoute> routes) {
  ci.routes = std::move(routes);
  return std::make_shared<const CiConfig>(std::move(ci));
}
inline CiPtr WithPreset(CiConfig ci, CiPreset preset) {
  ci.definition = std::make_shared<const CiPreset>(std::move(preset));
  return std::make_shared<const CiConfig>(std::move(ci));
}

// Those of `words` that the preset has.
inline Words WordsOf(const CiPreset& preset, const Words& words) {
  Words had;
  for (const auto& [name, value] : words) {
    if (preset.FindWord(name) != nullptr) had.emplace(name, value);
  }
  return had;
}

inline store::Event PushOf(const std::string& repository, const std::string& tag) {
  store::Event event;
  event.id = "id-1";
  event.kind = store::Kind::kTag;
  event.repository = repository;
  event.tag = tag;
  event.digest = "sha256:aa";
  event.actor = "robot";
  return event;
}

// A request taken apart again, by code that is not the sink's.
struct Sent {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  std::string line, body;
  std::multimap<std::string, std::string> fields;  // names in lower case

  std::string Field(std::string name) const {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto at = fields.find(name);
    return at == fields.end() ? "" : at->second;
  }
  std::string Target() const {
    const auto begin = line.find(' ') + 1;
    return line.substr(begin, line.rfind(' ') - begin);
  }
  std::string Path() const { return Target().substr(0, Target().find('?')); }
  Pairs Query() const {
    const auto question = Target().find('?');
    return question == std::string::npos ? Pairs() : Split(Target().substr(question + 1));
  }
  Pairs Form() const { return Split(body); }

  static Pairs Split(const std::string& text) {
    Pairs pairs;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('&', at), text.size());
      const std::string pair = text.substr(at, end - at);
      const std::size_t equals = pair.find('=');
      pairs.emplace_back(http::PercentDecode(pair.substr(0, equals)), http::PercentDecode(pair.substr(equals + 1)));
      at = end + 1;
    }
    return pairs;
  }
};

inline Sent Taken(const CiCall& call) {
  Sent sent;
  sent.body = call.body;
  std::size_t at = call.head.find("\r\n");
  sent.line = call.head.substr(0, at);
  for (at += 2; at < call.head.size();) {
    const std::size_t end = call.head.find("\r\n", at);
    if (end == std::string::npos) throw std::runtime_error("a line without its end");
    const std::string field = call.head.substr(at, end - at);
    std::string name = field.substr(0, field.find(": "));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    sent.fields.emplace(name, field.substr(field.find(": ") + 2));
    at = end + 2;
  }
  return sent;
}

}  // namespace portcall::sinks::testing
