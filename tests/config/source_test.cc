#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

std::string With(const std::string& host, const std::string& source) {
  return "version: 0.1\nstorage: {filesystem: {rootdirectory: /tmp}}\nhttp: {addr: ':5000'" +
         (host.empty() ? "" : ", host: '" + host + "'") + "}\nnotifications:\n" +
         (source.empty() ? "" : "  source: " + source + "\n") + "  endpoints: [{name: a, url: 'http://h/'}]\n";
}

TEST(Source, IsWhatTheFileSaysElseTheHost) {
  const std::tuple<const char*, const char*, const char*> kCases[] = {
      {"", "", ""},
      {"https://r.example", "", "r.example"},
      {"https://r.example:443/", "", "r.example"},
      {"https://r.example:5000", "", "r.example:5000"},
      {"http://[::1]:5000", "", "[::1]:5000"},
      {"https://r.example", "other.example:5000", "other.example:5000"},
      {"", "eu-registry", "eu-registry"},
  };
  for (const auto& [host, source, expected] : kCases) {
    const Config config = Good(Serve(With(host, source)));
    EXPECT_EQ(config.source, expected);
    EXPECT_EQ(config.endpoints.at(0).source, expected);
  }
  EXPECT_EQ(Good(Serve(With("", ""), {{"REGISTRY_NOTIFICATIONS_SOURCE", "env.example"}})).source, "env.example");
}

TEST(Source, IsAName) {
  const std::pair<std::string, const char*> kCases[] = {
      {"https://r.example", "is a URL: write the name alone, like registry.example.com"},
      {"r.example/", "\"r.example/\" is more than a name: write it like registry.example.com"},
      {"r.example/mirror", "\"r.example/mirror\" is more than a name: write it like registry.example.com"},
      {"u@r.example", "\"u@r.example\" is more than a name: write it like registry.example.com"},
      {"'a b'", "\"a b\" is no name: write it like registry.example.com"},
      {"''", "\"\" is no name: write it like registry.example.com"},
      {"\"a\\nb\"", "\"a?b\" is no name: write it like registry.example.com"},
      {std::string(256, 'a'), "…\" is no name: write it like registry.example.com"},
      {"[a]", "is a list where text is wanted"},
  };
  for (const auto& [source, message] : kCases) {
    const Loaded loaded = Serve(With("https://r.example", source));
    EXPECT_FALSE(loaded.config) << source;
    EXPECT_NE(Texts(loaded).find("notifications.source: "), std::string::npos) << Texts(loaded);
    EXPECT_NE(Texts(loaded).find(message), std::string::npos) << Texts(loaded);
  }
}

TEST(Source, CheckAsksForItWhereItIsSent) {
  const std::pair<const char*, bool> kCases[] = {
      {"url: http://h/", false},
      {"url: http://h/\nformat: docker-v2", false},
      {"url: http://h/\nformat: cloudevents", true},
      {"url: http://h/\nformat: keel", true},
      {"type: kafka\nbrokers: h:1\ntopic: t", true},
      {"type: audit\ndirectory: /x", false},
      {"type: ci\npreset: gitlab\nurl: http://h\nproject: 4\ntoken: t\nvariables: {A: '{{tag}}'}", false},
      {"type: ci\npreset: gitlab\nurl: http://h\nproject: 4\ntoken: t\nvariables: {A: '{{image}}'}", true},
  };
  for (const auto& [lines, warned] : kCases) {
    const std::string text = WithEntry(lines);
    EXPECT_EQ(Texts(Check(text)).find("notifications.source: is missing") != std::string::npos, warned) << lines;
    EXPECT_EQ(Texts(Serve(text)).find("notifications.source"), std::string::npos) << lines;
  }
}

TEST(Source, ChangesByReloadAndWithItTheEndpoints) {
  const Config before = Good(Serve(With("", "a"))), after = Good(Serve(With("", "b")));
  EXPECT_TRUE(NeedsRestart(before, after).empty());
  EXPECT_NE(before.endpoints.at(0).fingerprint, after.endpoints.at(0).fingerprint);
}

}  // namespace
}  // namespace portcall::config
