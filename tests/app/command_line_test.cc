#include "app/commands/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Ran {
  int code;
  std::string out, err;
};

Ran RunWith(std::vector<const char*> arguments, const Environment& environment = {}) {
  arguments.insert(arguments.begin(), "portcall");
  std::ostringstream out, err;
  const int code = Run(static_cast<int>(arguments.size()), arguments.data(), environment, out, err);
  return {code, out.str(), err.str()};
}

TEST(CommandLine, VersionSaysIt) {
  const Ran ran = RunWith({"version"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "portcall 0.1.0\n");
}

TEST(CommandLine, WhatItDoesNotKnowGetsUsageAndTwo) {
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{},
                                             {"dance"},
                                             {"version", "--loudly"},
                                             {"serve", "a.yml", "b.yml"},
                                             {"serve", "a.yml", "--wait", "soon"},
                                             {"serve", "a.yml", "--wait", "5"}}) {
    const Ran ran = RunWith(arguments);
    EXPECT_EQ(ran.code, 2) << (arguments.empty() ? "nothing" : arguments[0]);
    EXPECT_THAT(ran.err, HasSubstr("Usage:"));
    EXPECT_EQ(ran.out, "");
  }
}

TEST(CommandLine, HelpIsNoFailure) {
  const Ran ran = RunWith({"--help"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("serve"));
  EXPECT_THAT(ran.out, HasSubstr("check"));
}

TEST(CommandLine, WithoutAFileItSaysHowToNameOne) {
  const Ran ran = RunWith({"check"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("REGISTRY_CONFIGURATION_PATH"));
}

TEST(CommandLine, CheckAndServeRefuseAFileThatIsNotThere) {
  const portcall::testing::TempDir folder;
  const std::string missing = folder.File("missing.yml");
  const Ran checked = RunWith({"check", missing.c_str()});
  EXPECT_EQ(checked.code, 2);
  EXPECT_THAT(checked.out, HasSubstr(missing));
  const Ran by_environment = RunWith({"check"}, {{"REGISTRY_CONFIGURATION_PATH", missing}});
  EXPECT_EQ(by_environment.code, 2);
  EXPECT_THAT(by_environment.out, HasSubstr(missing));
  const Ran served = RunWith({"serve", missing.c_str()});
  EXPECT_EQ(served.code, 2);
  EXPECT_THAT(served.err, HasSubstr(missing));
}

TEST(CommandLine, CheckSaysOkForAFileThatIs) {
  const portcall::testing::TempDir folder;
  const std::string path = folder.File("config.yml");
  std::ofstream(path) << "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: " << folder.path().string()
                      << "\nhttp:\n  addr: 127.0.0.1:0\n";
  const Ran ran = RunWith({"check", path.c_str()});
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, ::testing::EndsWith(path + ": ok\n"));
}

// What a start would end with, a check says before.
TEST(CommandLine, CheckSaysThatAHostToListenOnIsUnknown) {
  const portcall::testing::TempDir folder;
  const std::string path = folder.File("config.yml");
  std::ofstream(path) << "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: " << folder.path().string()
                      << "\nhttp:\n  addr: no-such-host.invalid:5000\n";
  const Ran ran = RunWith({"check", path.c_str()});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("http.addr: cannot listen on no-such-host.invalid:5000: no such host"));
}

TEST(CommandLine, CheckSaysThatTwoAddressesAreOneOnceTheyAreLookedUp) {
  const portcall::testing::TempDir folder;
  const std::string path = folder.File("config.yml");
  std::ofstream(path) << "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: " << folder.path().string()
                      << "\nhttp:\n  addr: '[::1%lo]:5000'\n  debug: {addr: '[::1]:5000'}\n";
  const Ran ran = RunWith({"check", path.c_str()});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("http.debug.addr: [::1]:5000 is the address of the registry itself, [::1%lo]:5000"));
}

TEST(CommandLine, CheckNamesEveryErrorByLine) {
  const portcall::testing::TempDir folder;
  const std::string path = folder.File("config.yml");
  std::ofstream(path)
      << "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /tmp/x\nhttp:\n  addr: 127.0.0.1:0\n"
         "notifications:\n  endpoints:\n    - name: a\n      url: http://h/\n      timeout: soon\n"
         "      treshold: 3\n";
  const Ran ran = RunWith({"check", path.c_str()});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr(path + ":11:"));
  EXPECT_THAT(ran.out, HasSubstr(path + ":12:"));
}

TEST(Environment, IsReadAsGetenvWould) {
  const char* const raw[] = {"A=1", "B=x=y", "A=2", "broken", "EMPTY=", nullptr};
  EXPECT_EQ(ReadEnvironment(raw), (Environment{{"A", "1"}, {"B", "x=y"}, {"EMPTY", ""}}));
}

}  // namespace
}  // namespace portcall::app
