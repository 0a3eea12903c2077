#include "sinks/ci/ci_kind.h"

#include <fstream>

#include "sinks/ci/ci_preset.h"
#include "tests/config/helpers.h"
#include "tests/support/temp_dir.h"

namespace portcall::sinks {
namespace {

using config::Endpoint;
using config::ExpectRefused;
using config::Finding;
using config::Good;
using config::HeaderList;
using config::Loaded;
using config::Millis;
using config::Serve;
using config::Texts;
using config::WithType;

const std::string kType = "type: ci";
const std::string kGitLab = "preset: gitlab\nurl: https://gitlab.example\nproject: 42\ntoken: hunter2\n";

Endpoint Read(const std::string& lines) { return Good(Serve(WithType(kType, lines))).endpoints.at(0); }

TEST(CiKind, Defaults) {
  const Endpoint e = Read(kGitLab);
  ASSERT_TRUE(e.As<CiConfig>() && e.As<CiConfig>()->definition);
  const CiConfig own = *e.As<CiConfig>();
  EXPECT_EQ(own.preset, "gitlab");
  EXPECT_EQ(own.definition->name, "gitlab");
  EXPECT_EQ(own.words, (Words{{"project", "42"}, {"token", "hunter2"}}));
  EXPECT_EQ(e.url, "https://gitlab.example");
  EXPECT_EQ(e.timeout, Millis(30'000));
  EXPECT_EQ(e.max_age, std::chrono::hours(6));
  EXPECT_TRUE(e.images_only && e.collapse && e.retry_on_timeout);
  EXPECT_EQ(e.debounce, Millis(5'000));
}

TEST(CiKind, EveryKeyArrives) {
  const Endpoint e = Read(kGitLab + R"(ref: "{{tag}}"
eventid: EVENT
variables: {IMAGE: "{{image}}", EMPTY: }
routes:
  - {repositories: team/*, project: 1}
  - {repositories: "**", project: group/app, token: hunter3}
timeout: 3s
debounce: 1s
retryontimeout: false
concurrency: 2
headers: {X-A: b})");
  const CiConfig own = *e.As<CiConfig>();
  EXPECT_EQ(own.words.at("ref"), "{{tag}}");
  EXPECT_EQ(own.words.at("eventid"), "EVENT");
  EXPECT_EQ(own.variables, (HeaderList{{"IMAGE", "{{image}}"}, {"EMPTY", ""}}));
  ASSERT_EQ(own.routes.size(), 2u);
  EXPECT_EQ(own.routes[0].repositories, "team/*");
  EXPECT_EQ(own.routes[0].words, (Words{{"project", "1"}}));
  EXPECT_EQ(own.routes[1].words, (Words{{"project", "group/app"}, {"token", "hunter3"}}));
  EXPECT_FALSE(e.retry_on_timeout);
  EXPECT_EQ(e.concurrency, 2);
  EXPECT_EQ(e.debounce, Millis(1'000));
}

TEST(CiKind, InputsStandInPlaceOfVariables) {
  const CiConfig own = *Read(kGitLab + "inputs: {tag: '{{tag}}'}").As<CiConfig>();
  EXPECT_TRUE(own.as_inputs);
  EXPECT_EQ(own.variables, (HeaderList{{"tag", "{{tag}}"}}));
  EXPECT_TRUE(Read(kGitLab + "inputs: {}").As<CiConfig>()->as_inputs);
  EXPECT_FALSE(Read(kGitLab).As<CiConfig>()->as_inputs);
}

TEST(CiKind, APresetMayGiveItsSystemMoreTime) {
  const std::string watchtower = "preset: watchtower\nurl: http://h\ntoken: hunter2\n";
  EXPECT_EQ(Read(watchtower).timeout, Millis(600'000));
  EXPECT_EQ(Read(watchtower + "timeout: 2s\n").timeout, Millis(2'000));
}

TEST(CiKind, SystemsWithOneAddressNeedNone) {
  const Endpoint e = Read("preset: github\nproject: o/r\ntoken: hunter2\n");
  EXPECT_EQ(e.url, "https://api.github.com");
}

TEST(CiKind, ErrorsSayWhatWasMeant) {
  const Finding kFindings[] = {
      {kGitLab + "projekt: 4", ".projekt: unknown key; did you mean project?"},
      {kGitLab + "ref: [main]", ".ref: is a list where text is wanted"},
      {kGitLab + "token: {a: hunter2}",
       ".token: this key stands twice in the same map (first in line 11); keep one of them"},
      {kGitLab + "routes: [{project: 4}]",
       ".routes[0].repositories: is missing: write repositories: team/** (the first route that fits counts)"},
      {kGitLab + "routes: [{repositories: 'Team/*'}]",
       ".routes[0].repositories: \"Team/*\" fits nothing: no repository's name holds \"T\" (* fits within a path "
       "segment, ** across them, ? one character)"},
      {kGitLab + "routes: [{repositories: 'a', tokn: hunter2}]", ".routes[0].tokn: unknown key; did you mean token?"},
      {kGitLab + "variables: [A]", ".variables: is a list where a map (name: value) is wanted"},
      {kGitLab + "variables: {A: {b: c}}", ".variables.A: is a map where text is wanted"},
      {kGitLab + "inputs: {A: b}\nvariables: {A: b}", ".inputs: go in place of variables: write one of the two"},
      {"preset: drone\nurl: http://h\nproject: a/b\ntoken: hunter2\ninputs: {A: b}",
       ": inputs: drone has none: write variables"},
      {kGitLab + "format: docker-v1", ".format: means nothing for type: ci: the preset makes the request"},
      {kGitLab + "brokers: h:1", ".brokers: means nothing for type: ci; it belongs to kafka"},
      {kGitLab + "hmac: {secret: hunter2}", ".hmac: means nothing for type: ci; it belongs to webhook"},
      {kGitLab + "debounce: 1s\ncollapse: false",
       ".debounce: waits for later pushes of a tag, which collapse: true lets replace the first"},
      {kGitLab + "order: strict",
       ".order: pushes of a tag that wait replace each other, so the order is that of each tag: leave it out, or write "
       "collapse: false"},
      {"preset: buildbot\nurl: ftp://u:hunter2@h/", ".url: has the scheme \"ftp\", where http or https is wanted"},
  };
  for (const Finding& finding : kFindings) ExpectRefused(kType, finding);
}

TEST(CiKind, FaultsOfPresetAndWordsStandAtTheEntry) {
  const std::pair<std::string, const char*> kCases[] = {
      {"url: http://h/", "endpoints[0].preset: is missing: write one of "},
      {"preset: gitlap\nurl: http://h/\nwhatever: 1", "endpoints[0].preset: "},
      {"preset: /no/such.yml\nurl: http://h/", "endpoints[0].preset: "},
      {"preset: buildbot", "url is missing"},
      {"preset: gitlab\nurl: http://h/\ntoken: hunter2", "project is missing"},
      {kGitLab + "variables: {A: '{{tagg}}'}", "{{tagg}} is not known here; did you mean {{tag}}?"},
  };
  for (const auto& [lines, text] : kCases) {
    const Loaded loaded = Serve(WithType(kType, lines));
    EXPECT_FALSE(loaded.config) << lines;
    EXPECT_NE(Texts(loaded).find(text), std::string::npos) << Texts(loaded);
    EXPECT_EQ(Texts(loaded).find("hunter2"), std::string::npos) << Texts(loaded);
    EXPECT_EQ(loaded.problems.size(), 1u) << Texts(loaded);
  }
}

TEST(CiKind, AChangedPresetFileChangesTheFingerprint) {
  const portcall::testing::TempDir folder;
  const std::string file = folder.path() / "own.yml";
  const auto fingerprint = [&](const std::string& success) {
    std::ofstream(file) << "name: own\nabout: mine\nrequest: {path: /x, json: {a: '{{tag}}'}}\n"
                        << "variables: {in: json, at: env}\nsuccess: [" << success << "]\n";
    return Read("preset: " + file + "\nurl: http://h\n").fingerprint;
  };
  const std::string before = fingerprint("200");
  EXPECT_EQ(fingerprint("200"), before);
  EXPECT_NE(fingerprint("201"), before);
}

}  // namespace
}  // namespace portcall::sinks
