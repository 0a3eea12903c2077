#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "config/load.h"

namespace portcall::config {

using Environment = std::map<std::string, std::string>;

// The least that starts; lines of a test follow it.
inline const std::string kBase =
    "version: 0.1\n"
    "storage: {filesystem: {rootdirectory: /tmp}}\n"
    "http: {addr: ':5000'}\n";

inline Loaded Check(const std::string& text, const Environment& environment = {}) {
  return Parse(text, "f.yml", environment, Strictness::kCheck);
}
inline Loaded Serve(const std::string& text, const Environment& environment = {}) {
  return Parse(text, "f.yml", environment, Strictness::kServe);
}
inline std::string Texts(const Loaded& loaded) {
  std::string all;
  for (const Problem& problem : loaded.problems) all += problem.Text() + "\n";
  return all;
}
// The configuration; an empty one, and a failed test, when there is none.
inline Config Good(const Loaded& loaded) {
  EXPECT_TRUE(loaded.config) << Texts(loaded);
  return loaded.config ? *loaded.config : Config();
}
// One endpoint with `lines` (each "key: value\n") behind name and url.
inline std::string WithEndpoint(const std::string& lines) {
  std::string text = kBase + "notifications:\n  endpoints:\n    - name: a\n      url: http://h/e\n";
  std::size_t at = 0;
  while (at < lines.size()) {
    std::size_t end = lines.find('\n', at);
    text += "      " + lines.substr(at, end - at) + "\n";
    at = end == std::string::npos ? lines.size() : end + 1;
  }
  return text;
}

}  // namespace portcall::config
