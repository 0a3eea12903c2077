#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

class LoadFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "configXXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& text) const {
    std::string path = folder_ + "/c.yml";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string folder_;
};

TEST_F(LoadFile, ReadsAFile) {
  std::string path = Write(kBase);
  Config config = Good(Load(path, {}, Strictness::kCheck, sinks::Kinds()));
  EXPECT_EQ(config.path, path);
  EXPECT_EQ(config.http.addr, ":5000");
}

TEST_F(LoadFile, SaysWhyItCannot) {
  EXPECT_EQ(Texts(Load(folder_ + "/none", {}, Strictness::kServe, sinks::Kinds())),
            folder_ + "/none: error: does not exist\n");
  EXPECT_EQ(Texts(Load(folder_, {}, Strictness::kServe, sinks::Kinds())),
            folder_ + ": error: is a folder, not a file\n");
  std::string large = Write(std::string((4u << 20) + 1, '#'));
  EXPECT_EQ(Texts(Load(large, {}, Strictness::kServe, sinks::Kinds())), large + ": error: is larger than 4 MiB\n");
}

TEST_F(LoadFile, AnUnreadableFileIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  std::string path = Write(kBase);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_EQ(Texts(Load(path, {}, Strictness::kServe, sinks::Kinds())),
            path + ": error: cannot be read by this user: Permission denied\n");
}

TEST(Text, AllProblemsComeAtOnce) {
  Loaded loaded = Serve(
      "version: 9\nstorage: {s3: {}}\nhttp: {addr: x, secret: [a]}\nauth: {token: {}}\n"
      "notifications: {endpoints: [{}]}\n");
  EXPECT_FALSE(loaded.config);
  EXPECT_EQ(loaded.problems.size(), 7u) << Texts(loaded);
}

TEST(Text, AnchorsAliasesAndMergeKeysWork) {
  Config config = Good(Serve(kBase + R"(notifications:
  endpoints:
    - &first {name: a, url: "http://h/", timeout: 3s, headers: &h {A: [b]}}
    - {<<: *first, name: b}
    - {name: c, url: "http://h/", headers: *h}
)"));
  ASSERT_EQ(config.endpoints.size(), 3u);
  EXPECT_EQ(config.endpoints[1].name, "b");
  EXPECT_EQ(config.endpoints[1].timeout, Millis(3000));
  EXPECT_EQ(config.endpoints[2].headers, (HeaderList{{"A", "b"}}));
}

TEST(Text, BrokenYamlHasLineAndColumn) {
  struct Case {
    const char *text, *finding;
  };
  for (const Case& c : {
           Case{"version: 0.1\nhttp:\n\taddr: x\n",
                "f.yml:3:6: error: not YAML: a tab indents this line; YAML takes spaces only\n"},
           Case{"http\n  addr: localhost:5001\n",
                "f.yml:2:7: error: not YAML: a colon in the wrong place; is one missing after the key above, or are "
                "quotes around the value?\n"},
           Case{"a: [1, 2\n", "f.yml:2:1: error: not YAML: end of sequence flow not found\n"},
           Case{"a: @x\n", "f.yml:1:4: error: not YAML: a value cannot begin with @, ` or %; put quotes around it\n"},
           Case{"a: *x\n",
                "f.yml:1:4: error: not YAML: an alias (*name) without its anchor (&name); put quotes around a value "
                "that begins with *\n"},
           Case{"a: &x [*x]\n", "f.yml:1:8: error: an alias stands inside the value that it names\n"},
           Case{"a: {{ x }}: 1\n",
                "f.yml:1:5: error: a key must be a word, not a list or a map; are quotes missing around {{…}}?\n"},
           Case{"ok: 1\nb: \x04x\n",
                "f.yml:2:4: error: not text: it holds a control character (a YAML file is UTF-8)\n"},
           Case{"- a\n", "f.yml:1:1: error: is not a map of settings: it begins with version: 0.1\n"},
       }) {
    EXPECT_EQ(Texts(Serve(c.text)), c.finding) << c.text;
  }
}

TEST(Text, AnEmptyFileLacksEverything) {
  for (const char* text : {"", "# nothing\n", "---\n", "~"}) {
    Loaded loaded = Serve(text);
    EXPECT_FALSE(loaded.config);
    EXPECT_EQ(loaded.problems.size(), 3u) << Texts(loaded);
  }
}

TEST(Text, OnlyTheFirstDocumentCounts) {
  Loaded loaded = Serve(kBase + "---\nother: 1\n");
  EXPECT_TRUE(loaded.config);
  EXPECT_EQ(Texts(loaded), "f.yml:5:1: warning: only the first YAML document counts; what follows --- is not read\n");
}

TEST(Text, AKeyThatStandsTwiceIsAnError) {
  EXPECT_EQ(Texts(Serve(kBase + "log: {level: info}\nlog: {level: warn}\n")),
            "f.yml:5:1: error: log: this key stands twice in the same map (first in line 4); keep one of them\n");
}

}  // namespace
}  // namespace portcall::config
