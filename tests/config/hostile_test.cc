#include <random>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Hostile, DeepNestingIsRefused) {
  for (const std::string& text :
       {Repeat("[", 10'000), Repeat("{a: ", 10'000), "a: " + Repeat("[", 1'000'000), Repeat("- ", 10'000),
        Repeat("? ", 10'000), Repeat("[{a: ", 5'000), Repeat("[", 10'000) + Repeat("]", 10'000)}) {
    Loaded loaded = Serve(text);
    EXPECT_FALSE(loaded.config);
    EXPECT_EQ(loaded.problems.size(), 1u);
  }
  Loaded loaded = Serve(kBase, {{"REGISTRY_HTTP", Repeat("[", 10'000)}});
  EXPECT_FALSE(loaded.config);
}

TEST(Hostile, AliasesDoNotMultiply) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + Repeat(", " + before, 8) + "]\n";
  }
  EXPECT_NE(Texts(Serve(text)).find("more values than any configuration needs"), std::string::npos);
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 200; ++i) {
    chain += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_NE(Texts(Serve(chain)).find("nested deeper"), std::string::npos);
}

TEST(Hostile, AliasesOfALongTextDoNotMultiplyIt) {
  const std::string text = "a: &a " + Repeat("x", 1 << 20) + "\nb: [*a" + Repeat(", *a", 4'000) + "]\n";
  EXPECT_NE(Texts(Serve(text)).find("aliases stand for more text than any configuration needs"), std::string::npos);
}

TEST(Hostile, ManyKeysEnd) {
  std::string text = kBase + "notifications: {endpoints: [";
  for (int i = 0; i < 60'000; ++i) text += "{},";
  EXPECT_NE(Texts(Serve(text + "]}")).find("more values"), std::string::npos);
}

TEST(Hostile, ManyUnknownKeysEnd) {
  std::string text = kBase;
  for (int i = 0; i < 900; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(Check(text).problems.size(), 900u);
  for (int i = 900; i < 15'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_NE(Texts(Check(text)).find("more keys than any map here needs"), std::string::npos);
}

// Every cut and many mutations of a real file end in a configuration or in a finding, never otherwise.
TEST(Hostile, CutsAndMutationsNeverCrash) {
  const std::string text =
      WithEndpoint(
          "timeout: 500\nheaders: {Authorization: [\"Bearer x\"], B: c}\nignore: {actions: [pull]}\ntls: {ca: /x}") +
      "    - {name: b, type: kafka, brokers: 'h:1,i:2', topic: 'x.{{action}}', key: '{{image}}', tls: {}, properties: "
      "{a: b}}\n"
      "    - {name: c, type: ci, preset: gitlab, token: t, variables: {A: '{{tag}}'}, routes: [{repositories: '**/a?', "
      "project: 4}]}\n"
      "    - {name: d, type: audit, directory: /x, rotate: {size: 1M}, checkpoint: {records: 5}}\n"
      "    - {name: e, url: 'http://h/', format: cloudevents, hmac: {secret: s}, only: {actions: [checkpoint], actors: "
      "['*']}}\n"
      "audit: {strict: true}\nhealth: {http: [{uri: 'http://h/'}]}\nx: &a [1]\ny: *a\nz: |\n  text\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Loaded loaded = Check(text.substr(0, cut));
    EXPECT_TRUE(loaded.config || !loaded.problems.empty());
  }
  EXPECT_TRUE(Serve(text).config || Texts(Serve(text)).find("/x") != std::string::npos) << Texts(Serve(text));
  std::mt19937 random(20261121);
  const std::string alphabet = "[]{}:,&*!|>'\"%@`#-? \t\n~<\\0a\x80\xff\x01";
  for (int round = 0; round < 1500; ++round) {
    std::string mutated = text;
    for (int i = 0; i < 4; ++i) mutated[random() % mutated.size()] = alphabet[random() % alphabet.size()];
    Loaded loaded = Serve(mutated);
    EXPECT_TRUE(loaded.config || !loaded.problems.empty());
  }
}

}  // namespace
}  // namespace portcall::config
