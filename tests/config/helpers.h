#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "config/load.h"
#include "config/restart_keys.h"
#include "sinks/kinds.h"

namespace portcall::config {

using Environment = std::map<std::string, std::string>;

// The least that starts; lines of a test follow it.
inline const std::string kBase =
    "version: 0.1\n"
    "storage: {filesystem: {rootdirectory: /tmp}}\n"
    "http: {addr: ':5000'}\n";

inline Loaded Check(const std::string& text, const Environment& environment = {}) {
  return Parse(text, "f.yml", environment, Strictness::kCheck, sinks::Kinds());
}
inline Loaded Serve(const std::string& text, const Environment& environment = {}) {
  return Parse(text, "f.yml", environment, Strictness::kServe, sinks::Kinds());
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
inline std::string Indented(const std::string& lines) {
  std::string text;
  std::size_t at = 0;
  while (at < lines.size()) {
    const std::size_t end = lines.find('\n', at);
    text += "      " + lines.substr(at, end - at) + "\n";
    at = end == std::string::npos ? lines.size() : end + 1;
  }
  return text;
}
// One endpoint with `lines` (each "key: value\n") behind its name, which stands in line 6.
inline std::string WithEntry(const std::string& lines) {
  return kBase + "notifications:\n  endpoints:\n    - name: a\n" + Indented(lines);
}
// The same behind name and url.
inline std::string WithEndpoint(const std::string& lines) { return WithEntry("url: http://h/e\n" + lines); }
// `first` as line 7, `lines` from line 8 on.
inline std::string WithType(const std::string& first, const std::string& lines) {
  return WithEntry(first + "\n" + lines);
}

// What one broken entry must answer: "key: message", at any place below notifications.endpoints[0].
struct Finding {
  std::string lines, text;
};
inline void ExpectRefused(const std::string& first, const Finding& finding) {
  const Loaded loaded = Serve(WithType(first, finding.lines));
  EXPECT_FALSE(loaded.config) << finding.lines;
  bool said = false;
  for (const Problem& problem : loaded.problems) {
    const std::string text = problem.key + ": " + problem.message;
    said = said || (problem.severity == Severity::kError && text == "notifications.endpoints[0]" + finding.text);
    EXPECT_TRUE(problem.line > 0) << text;
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  }
  EXPECT_TRUE(said) << finding.lines << " was answered\n" << Texts(loaded) << "not\n" << finding.text;
}

}  // namespace portcall::config
