#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

class References : public ::testing::Test {
 protected:
  References() {
    std::string made = (std::filesystem::temp_directory_path() / "references-XXXXXX").string();
    folder_ = mkdtemp(made.data());
  }
  ~References() override { std::filesystem::remove_all(folder_); }
  References(const References&) = delete;
  References& operator=(const References&) = delete;

  std::string File(const std::string& text, const std::string& name = "secret") const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
};

TEST_F(References, BringFilesAndVariablesIntoAnyValue) {
  const std::string path = File("s3cr#t &x: {y}\n");
  const Config config = Good(Serve(WithEndpoint("timeout: ${env:PATIENCE}\n"
                                                "headers:\n"
                                                "  Authorization: Bearer ${file:" +
                                                path +
                                                "}\n"
                                                "  X-Key: ['${env:USER_NAME}:${file:" +
                                                path + "}', plain]\n"),
                                   {{"PATIENCE", "7s"}, {"USER_NAME", "ann"}}));
  ASSERT_EQ(config.endpoints.size(), 1u);
  EXPECT_EQ(config.endpoints[0].timeout, Millis(7000));
  EXPECT_EQ(
      config.endpoints[0].headers,
      (HeaderList{{"Authorization", "Bearer s3cr#t &x: {y}"}, {"X-Key", "ann:s3cr#t &x: {y}"}, {"X-Key", "plain"}}));
}

TEST_F(References, AreReadAgainWithEachLoad) {
  const std::string path = File("first");
  const std::string text = WithEndpoint("hmac: {secret: '${file:" + path + "}'}");
  const Config before = Good(Serve(text));
  File("second");
  const Config after = Good(Serve(text));
  EXPECT_NE(before.endpoints[0].fingerprint, after.endpoints[0].fingerprint);
}

TEST_F(References, CanBeWrittenAsCharacters) {
  const Config config = Good(
      Serve(WithEndpoint("headers: {A: 'a$${env:X}b$$', B: '$5', C: '$$', D: '$${x}'}"), {{"X", "${file:/none}"}}));
  EXPECT_EQ(config.endpoints[0].headers, (HeaderList{{"A", "a${env:X}b$$"}, {"B", "$5"}, {"C", "$$"}, {"D", "${x}"}}));
}

TEST_F(References, BringTextThatIsNotLookedThroughAgain) {
  const Config config = Good(Serve(WithEndpoint("headers: {A: '${env:X}'}"), {{"X", "${file:/none}"}}));
  EXPECT_EQ(config.endpoints[0].headers, (HeaderList{{"A", "${file:/none}"}}));
}

TEST_F(References, ThatBringNothingAreErrorsAtTheirKeys) {
  struct Case {
    std::string value, message;
  };
  const std::string folder = folder_.string();
  for (const Case& c : {
           Case{"${file:/nowhere/x}", "the file \"/nowhere/x\" of ${file:…} does not exist"},
           Case{"${file:}", "names no file: write ${file:/run/secrets/name}"},
           Case{"${file:" + folder + "}", "the file \"" + folder + "\" of ${file:…} is a folder, not a file"},
           Case{"${file:" + File("\n", "empty") + "}", "the file \"" + folder + "/empty\" of ${file:…} is empty"},
           Case{"${file:" + File(std::string(70'000, 'x'), "large") + "}",
                "the file \"" + folder + "/large\" of ${file:…} is larger than 64 KiB"},
           Case{"${env:UNSET}", "the variable \"UNSET\" of ${env:…} is not set"},
           Case{"${env:EMPTY}", "the variable \"EMPTY\" of ${env:…} is empty"},
           Case{"hunter2${hunter2}",
                "holds ${, which begins a reference, ${file:PATH} or ${env:NAME}; write $${ for the characters alone"},
           Case{"hunter2${",
                "holds ${, which begins a reference, ${file:PATH} or ${env:NAME}; write $${ for the characters alone"},
       }) {
    const Loaded loaded = Serve(WithEndpoint("hmac:\n  secret: '" + c.value + "'"), {{"EMPTY", ""}});
    EXPECT_FALSE(loaded.config) << c.value;
    EXPECT_EQ(Texts(loaded), "f.yml:9:17: error: notifications.endpoints[0].hmac.secret: " + c.message + "\n");
  }
}

TEST_F(References, AreNeverShownByWhateverIsWrongWithWhatTheyBring) {
  const std::string secret = "hunter2-" + std::string(80, 'z') + "-end";
  for (const std::string& lines :
       {std::string("timeout: ${env:S}"), std::string("threshold: ${env:S}"), std::string("retryontimeout: ${env:S}"),
        std::string("type: ${env:S}"), std::string("name: ${env:S}\nwas: b"), std::string("ratelimit: ${env:S}"),
        std::string("only: {actions: ['${env:S}']}"), std::string("only: {tags: ['a b ${env:S}']}"),
        std::string("from: x${env:S}"), std::string("format: ${env:S}"), std::string("tls: {ca: '/x/${env:S}'}"),
        std::string("hmac: '${env:S}'"), std::string("hmac: {secret: x, header: 'a ${env:S}'}")}) {
    std::string text = kBase + "notifications:\n  endpoints:\n    - url: http://h/e\n" + Indented(lines);
    if (lines.find("name:") == std::string::npos) text += "      name: a\n";
    const std::string said = Texts(Check(text, {{"S", secret}}));
    EXPECT_NE(said, "") << lines;
    EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
    EXPECT_EQ(said.find("zzzz"), std::string::npos) << said;
  }
  const std::string said = Texts(Check(WithEntry("url: http://${env:S}/x"), {{"S", "hunter2 hunter3:hunter4"}}));
  EXPECT_NE(said, "");
  EXPECT_EQ(said.find("hunter"), std::string::npos) << said;
  const std::string elsewhere =
      Texts(Check(WithEndpoint("headers: {A: '${env:S}'}\norder: hunter2"), {{"S", "hunter2"}}));
  EXPECT_NE(elsewhere, "");
  EXPECT_EQ(elsewhere.find("hunter"), std::string::npos) << "nor where the same text stands in the file: " << elsewhere;
}

TEST_F(References, InAnEntryAreKnownToThoseWhoShowIt) {
  const Config config = Good(Serve(WithEntry("url: http://h/${env:S}/x"), {{"S", "token"}}));
  EXPECT_EQ(config.endpoints[0].hidden, (std::vector<std::string>{"token"}));
  EXPECT_EQ(config.endpoints[0].url, "http://h/token/x");
  EXPECT_EQ(PlaceOf(config.endpoints[0]), "http://h/***/x");
  const Config health = Good(Serve(kBase + "health: {http: [{uri: 'http://h/?key=${env:S}'}]}\n", {{"S", "hunter2"}}));
  ASSERT_EQ(health.health.size(), 1u);
  EXPECT_EQ(health.health[0].target, "http://h/?key=hunter2");
  EXPECT_EQ(health.health[0].hidden, (std::vector<std::string>{"hunter2"}));
}

}  // namespace
}  // namespace portcall::config
