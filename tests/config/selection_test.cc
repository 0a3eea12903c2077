#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

using List = std::vector<std::string>;

Endpoint Read(const std::string& lines) { return Good(Serve(WithEntry(lines))).endpoints.at(0); }
const std::string kWebhook = "url: http://h/e\n";
const std::string kKafka = "type: kafka\nbrokers: [h:9092]\ntopic: t\n";
const std::string kAudit = "type: audit\ndirectory: /x\n";
const std::string kCi = "type: ci\npreset: buildbot\nurl: http://h\n";

TEST(Selection, EveryRuleArrives) {
  const Endpoint e =
      Read(kWebhook + R"(only: {actions: [push, delete], kinds: [tag, manifest], repositories: ["team/**", x],
  tags: ["v*"], mediatypes: [a/b], actors: [alice, "robot$*"]}
ignore: {actions: [pull], kinds: [blob], repositories: ["team/x/*"], tags: ["*-rc?"], mediatypes: [c/d], actors: [ci]}
ignoredmediatypes: [e/f, c/d])");
  EXPECT_EQ(e.only.actions, (List{"push", "delete"}));
  EXPECT_EQ(e.only.kinds, (List{"tag", "manifest"}));
  EXPECT_EQ(e.only.repositories, (List{"team/**", "x"}));
  EXPECT_EQ(e.only.tags, (List{"v*"}));
  EXPECT_EQ(e.only.media_types, (List{"a/b"}));
  EXPECT_EQ(e.only.actors, (List{"alice", "robot$*"}));
  EXPECT_EQ(e.ignore.actions, (List{"pull"}));
  EXPECT_EQ(e.ignore.kinds, (List{"blob"}));
  EXPECT_EQ(e.ignore.repositories, (List{"team/x/*"}));
  EXPECT_EQ(e.ignore.tags, (List{"*-rc?"}));
  EXPECT_EQ(e.ignore.media_types, (List{"e/f", "c/d"}));
  EXPECT_EQ(e.ignore.actors, (List{"ci"}));
}

TEST(Selection, ImagesAreTheDefaultOfCiAndOfWhatUpdatersRead) {
  EXPECT_FALSE(Read(kWebhook).images_only);
  EXPECT_FALSE(Read(kWebhook + "format: cloudevents").images_only);
  for (const char* format : {"harbor", "dockerhub", "quay", "acr", "keel"}) {
    EXPECT_TRUE(Read(kWebhook + "format: " + format).images_only) << format;
  }
  EXPECT_FALSE(Read(kWebhook + "format: harbor\nimages: false").images_only);
  EXPECT_TRUE(Read(kWebhook + "images: true").images_only);
  EXPECT_TRUE(Read(kCi).images_only);
  EXPECT_FALSE(Read(kCi + "images: false\nonly: {actions: [delete]}").images_only);
  EXPECT_FALSE(Read(kKafka).images_only);
  EXPECT_FALSE(Read(kAudit).images_only);
}

TEST(Selection, KafkaTakesTagsAndManifestsUnlessToldOtherwise) {
  EXPECT_EQ(Read(kKafka).only.kinds, (List{"tag", "manifest"}));
  EXPECT_EQ(Read(kKafka + "only: {kinds: [blob]}").only.kinds, (List{"blob"}));
  EXPECT_EQ(Read(kKafka + "only: {actions: [push, checkpoint]}").only.kinds, (List{"tag", "manifest", "system"}));
  EXPECT_TRUE(Read(kKafka + "only: {actions: [push, refused]}").only.kinds.empty());
  EXPECT_TRUE(Read(kWebhook).only.kinds.empty());
}

TEST(Selection, DebounceAndCollapseByType) {
  EXPECT_FALSE(Read(kWebhook).collapse);
  EXPECT_EQ(Read(kWebhook + "collapse: true").debounce, Millis(0));
  EXPECT_EQ(Read(kWebhook + "collapse: true\ndebounce: 2s").debounce, Millis(2'000));
  EXPECT_TRUE(Read(kCi).collapse);
  EXPECT_EQ(Read(kCi).debounce, Millis(5'000));
  EXPECT_EQ(Read(kCi + "debounce: 0s").debounce, Millis(0));
  EXPECT_EQ(Read(kCi + "collapse: false").debounce, Millis(0));
}

TEST(Selection, RulesThatFitNothingAreErrors) {
  const Finding kFindings[] = {
      {"only: {action: [push]}", ".only.action: unknown key; did you mean actions?"},
      {"only: push", ".only: is a single value where a map (name: value) is wanted"},
      {"only: {actions: [Push]}",
       ".only.actions: \"Push\" is no action: push, pull, mount, delete, refused, reload, endpoint, checkpoint, drop, "
       "replay; did you mean push?"},
      {"only: {kinds: [tags]}",
       ".only.kinds: \"tags\" is no kind: blob, manifest, tag, repository, system; did you mean tag?"},
      {"ignore: {kinds: [[x]]}", ".ignore.kinds[0]: is a list where text is wanted"},
      {"only: {repositories: [Team/app]}",
       ".only.repositories: \"Team/app\" fits nothing: no repository's name holds \"T\" (* fits within a path segment, "
       "** across them, ? one character)"},
      {"only: {repositories: ['team/[ab]']}",
       ".only.repositories: \"team/[ab]\" fits nothing: no repository's name holds \"[\" (* fits within a path "
       "segment, ** across them, ? one character)"},
      {"only: {repositories: [/team]}",
       ".only.repositories: \"/team\" fits nothing: a repository's name begins and ends without a slash"},
      {"only: {repositories: ['']}", ".only.repositories: is empty, and would fit nothing"},
      {"only: {repositories: ['a***']}", ".only.repositories: holds ***: write * or **"},
      {"ignore: {tags: ['a/b']}",
       ".ignore.tags: \"a/b\" fits nothing: no tag holds \"/\" (* fits within a path segment, ** across them, ? one "
       "character)"},
      {"ignore: {actors: [\"a\\nb\"]}", ".ignore.actors: holds a control character"},
      {"only: {actors: ['" + std::string(257, 'a') + "']}", ".only.actors: is longer than 256 bytes"},
      {"ignoredmediatypes: [\"a/b\\nc\"]", ".ignoredmediatypes: \"a/b?c\" is no media type"},
      {"only: {mediatypes: ['']}", ".only.mediatypes: \"\" is no media type"},
      {"only: {actions: [push]}\nignore: {actions: [push, pull]}",
       ".ignore.actions: keeps out all that only.actions lets in"},
      {"ignore: {actions: [push]}\nimages: true",
       ".images: true takes pushes of tags alone, which only or ignore keeps out: write images: false"},
      {"only: {actions: [delete]}\nimages: true",
       ".images: true takes pushes of tags alone, which only or ignore keeps out: write images: false"},
      {"ignore: {kinds: [tag]}\nformat: quay",
       ".images: true takes pushes of tags alone, which only or ignore keeps out: write images: false"},
      {"only: {actions: [checkpoint]}",
       ".only.actions: checkpoint: docker-v1 has no form for it: write format: cloudevents"},
      {"only: {actions: [reload]}\nformat: docker-v2",
       ".only.actions: reload: docker-v2 has no form for it: write format: cloudevents"},
      {"debounce: 5s", ".debounce: waits for later pushes of a tag, which collapse: true lets replace the first"},
  };
  for (const Finding& finding : kFindings) ExpectRefused("url: http://h/e", finding);
}

TEST(Selection, ActionsThatATypeCannotTake) {
  Read(kWebhook + "format: cloudevents\nonly: {actions: [checkpoint, reload]}");
  Read(kAudit + "only: {actions: [refused, push]}");
  ExpectRefused("type: kafka", {"brokers: [h:1]\ntopic: t\nformat: docker-v1\nonly: {actions: [drop]}",
                                ".only.actions: drop: docker-v1 has no form for it: write format: cloudevents"});
  ExpectRefused("type: ci", {"preset: buildbot\nurl: http://h\nimages: false\nonly: {actions: [reload]}",
                             ".only.actions: reload: is nothing to build"});
  ExpectRefused(
      "type: audit",
      {"directory: /x\nonly: {actions: [checkpoint]}",
       ".only.actions: checkpoint: an audit log does not record checkpoints; let another endpoint take them"});
}

}  // namespace
}  // namespace portcall::config
