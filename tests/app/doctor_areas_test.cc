#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "app/doctor/certificate_end.h"
#include "app/doctor/database.h"
#include "app/doctor/files.h"
#include "app/doctor/listeners.h"
#include "app/doctor/server.h"
#include "app/doctor/surroundings.h"
#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using runtime::Finding;
using runtime::Findings;
using runtime::Grade;
using std::chrono::hours;
using ::testing::HasSubstr;
using SystemClock = std::chrono::system_clock;

class DoctorAreas : public ::testing::Test {
 protected:
  DoctorAreas() {
    ::chmod(folder_.path().c_str(), 0755);
    auto config = std::make_shared<config::Config>();
    config->storage.root_directory = folder_.File("data");
    config->storage.reserve_bytes = 0;
    it_.config = config_ = config;
    it_.me = it_.server = Myself();
  }
  void Write(const std::string& name, const std::string& text, unsigned mode = 0644) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  const Finding& Only(const Findings& found) {
    EXPECT_EQ(found.size(), 1U);
    last_ = found.empty() ? Finding() : found.front();
    return last_;
  }

  const portcall::testing::TempDir folder_;
  std::shared_ptr<config::Config> config_;
  Installation it_;
  Finding last_;
};

TEST_F(DoctorAreas, ADataFolderThatTheStartMakesIsNoProblem) {
  EXPECT_EQ(Only(LookAtDataFolder(it_)).grade, Grade::kNote);
  Write("file", "x");
  config_->storage.root_directory = folder_.File("file");
  EXPECT_EQ(Only(LookAtDataFolder(it_)).grade, Grade::kProblem);
  config_->storage.root_directory = folder_.File("file/below");
  EXPECT_EQ(Only(LookAtDataFolder(it_)).grade, Grade::kProblem);
}

TEST_F(DoctorAreas, ASecretThatOthersReadIsAWarningAndACertificateIsNot) {
  Write("key.pem", "x", 0644);
  const std::string file = folder_.File("key.pem");
  EXPECT_EQ(Only(LookAtNamedFile(it_, "key", file, true)).grade, Grade::kWarning);
  EXPECT_EQ(Only(LookAtNamedFile(it_, "ca", file, false)).grade, Grade::kOk);
  ::chmod(file.c_str(), 0600);
  EXPECT_EQ(Only(LookAtNamedFile(it_, "key", file, true)).grade, Grade::kOk);
  it_.server = {4'000'000, 4'000'000, {}, "registry"};
  EXPECT_THAT(Only(LookAtNamedFile(it_, "key", file, true)).how, HasSubstr("registry cannot read"));
  EXPECT_EQ(Only(LookAtNamedFile(it_, "key", folder_.File("none"), true)).grade, Grade::kProblem);
}

TEST_F(DoctorAreas, LeftoversAreTheDatabasesAlone) {
  Write("data/portcall.db-wal.other", "x");
  Write("data/portcall.db.backup-v3", "x");
  Write("data/something.other", "x");
  EXPECT_EQ(LookAtLeftovers(it_).size(), 2U);
}

TEST_F(DoctorAreas, ALogWithoutItsDatabaseIsSomebodysData) {
  Write("data/other", "");
  EXPECT_EQ(Only(LookAtContent(it_, std::chrono::seconds(1))).grade, Grade::kNote);
  Write("data/portcall.db-wal", "x");
  EXPECT_EQ(Only(LookAtContent(it_, std::chrono::seconds(1))).grade, Grade::kProblem);
  EXPECT_FALSE(fs::exists(folder_.path() / "data/portcall.db"));
}

TEST(DoctorClock, AClockBehindTheNewestEventIsAProblem) {
  EXPECT_EQ(JudgeClock(5'000'000'000, 0).grade, Grade::kOk);
  EXPECT_EQ(JudgeClock(5'000'000'000, 5'000'000'000).grade, Grade::kOk);
  const Finding behind = JudgeClock(5'000'000'000, 65'000'000'000);
  EXPECT_EQ(behind.grade, Grade::kProblem);
  EXPECT_THAT(behind.todo, HasSubstr("60 s"));
}

TEST(DoctorDescriptors, FewAreAWarningAndEnoughAreFine) {
  const config::Config config;
  EXPECT_EQ(JudgeDescriptors(config, 1'048'576, 64).grade, Grade::kOk);
  EXPECT_EQ(JudgeDescriptors(config, 4'096, 64).grade, Grade::kNote);
  EXPECT_EQ(JudgeDescriptors(config, 256, 64).grade, Grade::kWarning);
}

TEST_F(DoctorAreas, TheLimitOfTheServersOwnGroupCounts) {
  config_->http.memory_bytes = 64 << 20;
  EXPECT_THAT(Only(LookAtMemory(it_, folder_.path())).how, HasSubstr("no limit"));
  it_.pid = 42;
  Write("proc/42/cgroup", "0::/system.slice/portcall.service\n");
  Write("sys/fs/cgroup/system.slice/portcall.service/memory.max", "104857600\n");
  EXPECT_EQ(Only(LookAtMemory(it_, folder_.path())).grade, Grade::kWarning) << "more than half of it";
  Write("sys/fs/cgroup/system.slice/portcall.service/memory.max", "1073741824\n");
  EXPECT_EQ(Only(LookAtMemory(it_, folder_.path())).grade, Grade::kOk);
  Write("sys/fs/cgroup/system.slice/portcall.service/memory.events", "low 0\noom 3\noom_kill 2\n");
  EXPECT_THAT(Only(LookAtMemory(it_, folder_.path())).how, HasSubstr("ended 2 processes"));
}

TEST_F(DoctorAreas, EndpointsAreJudgedByTheirState) {
  it_.endpoints = *Answer::Parse(R"({"endpoints":[
    {"name":"a","state":"ok","pending":3,"oldest_pending_seconds":2},
    {"name":"b","state":"paused","reason":"by root","pending":0},
    {"name":"c","state":"down","pending":7,"last_error":{"error":"refused"}},
    {"name":"d","state":"orphaned","pending":1}]})");
  const Findings found = LookAtBacklog(it_);
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].grade, Grade::kOk);
  EXPECT_EQ(found[1].grade, Grade::kWarning);
  EXPECT_THAT(found[1].how, HasSubstr("by root"));
  EXPECT_EQ(found[2].grade, Grade::kProblem);
  EXPECT_THAT(found[2].how, HasSubstr("refused"));
  EXPECT_EQ(found[3].grade, Grade::kNote);
}

http::TlsSight GoodChain() {
  http::TlsSight sight;
  sight.names = {"registry.example.com", "*.example.org"};
  sight.from = SystemClock::now() - hours(24);
  sight.to = SystemClock::now() + hours(90 * 24);
  sight.length = 2;
  return sight;
}

Grade Worst(const http::TlsSight& sight) {
  Grade worst = Grade::kOk;
  for (const Finding& one : JudgeChain(sight, SystemClock::now())) worst = std::max(worst, one.grade);
  return worst;
}

TEST(DoctorChain, EachFaultHasItsGrade) {
  EXPECT_EQ(Worst(GoodChain()), Grade::kOk);
  http::TlsSight sight = GoodChain();
  sight.to = SystemClock::now() + hours(13 * 24);
  EXPECT_EQ(Worst(sight), Grade::kWarning);
  sight.to = SystemClock::now() - hours(1);
  EXPECT_EQ(Worst(sight), Grade::kProblem);
  sight = GoodChain();
  sight.from = SystemClock::now() + hours(1);
  EXPECT_EQ(Worst(sight), Grade::kProblem);
  sight = GoodChain();
  sight.ordered = false;
  EXPECT_EQ(Worst(sight), Grade::kProblem);
  sight = GoodChain();
  sight.names.clear();
  EXPECT_EQ(Worst(sight), Grade::kProblem);
  sight = GoodChain();
  sight.refused = "unable to get local issuer certificate";
  EXPECT_EQ(Worst(sight), Grade::kProblem) << "no issuer is missing: it is refused for itself";
  sight.issuer_unknown = true;
  EXPECT_EQ(Worst(sight), Grade::kNote) << "a root of one's own";
  sight.more_offered = true;
  sight.length = 2;
  EXPECT_EQ(Worst(sight), Grade::kNote) << "its issuer was sent";
  sight.length = 1;
  EXPECT_EQ(Worst(sight), Grade::kProblem) << "an issuer that can be had";
  sight.self_signed = true;
  EXPECT_EQ(Worst(sight), Grade::kNote);
}

TEST(DoctorChain, WhatEndsWithinTheHourHasNotExpired) {
  const auto now = SystemClock::now();
  const Finding last = JudgeEnd("certificate", now + std::chrono::minutes(30), now, "renew it");
  EXPECT_EQ(last.grade, Grade::kWarning);
  EXPECT_THAT(last.how, HasSubstr("in 0 days"));
  EXPECT_EQ(JudgeEnd("certificate", now, now, "renew it").grade, Grade::kProblem);
}

TEST(DoctorChain, NamesCoverAsClientsCompareThem) {
  const http::TlsSight sight = GoodChain();
  EXPECT_TRUE(sight.covers("Registry.Example.com"));
  EXPECT_TRUE(sight.covers("a.example.org"));
  EXPECT_FALSE(sight.covers("example.org"));
  EXPECT_FALSE(sight.covers("a.b.example.org"));
  EXPECT_FALSE(sight.covers("other.example.com"));
}

TEST(DoctorNetwork, AProxyIsShownWithoutItsPassword) {
  EXPECT_EQ(JudgeProxies({}).front().grade, Grade::kOk);
  const Findings found = JudgeProxies({{"https_proxy", "http://user:planted@proxy.example:3128"}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found.front().how, HasSubstr("http://proxy.example:3128"));
  for (const char* one : {"http://user:planted@proxy.example:3128", "user:planted@proxy.example:3128",
                          "http://user:pl/planted@proxy.example:1", "http:/user:planted@h", "//user:planted@h:1",
                          "http://user:pl?planted@h"}) {
    EXPECT_EQ(JudgeProxies({{"HTTP_PROXY", one}}).front().how.find("planted"), std::string::npos) << one;
  }
}

TEST_F(DoctorAreas, ANameServerThatDoesNotAnswerIsAProblem) {
  EXPECT_EQ(Only(LookAtNameServers(folder_.path() / "none", std::chrono::seconds(1))).grade, Grade::kNote);
  Write("resolv.conf", "# nameserver 127.0.0.2\nsearch example\nnameserver 127.0.0.213\n");
  const Finding dead = Only(LookAtNameServers(folder_.path() / "resolv.conf", std::chrono::milliseconds(500)));
  EXPECT_EQ(dead.grade, Grade::kProblem) << dead.how;
  EXPECT_THAT(dead.what, HasSubstr("127.0.0.213"));
}

}  // namespace
}  // namespace portcall::app
