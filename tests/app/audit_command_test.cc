#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/commands/audit.h"
#include "app/commands/command_line.h"
#include "runtime/bytes.h"
#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/segments.h"
#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

namespace audit = sinks::audit;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Ran {
  int code;
  std::string out, err;
};

// A sound log of ten records.
class AuditCommand : public ::testing::Test {
 protected:
  AuditCommand() : log_({runtime::Level::kFatal, "text", {}}) {
    auto key = audit::SigningKey::Load(dir_.path() / audit::kPrivateKey, "registry.example.com", true);
    audit::LogOptions options;
    options.folder = dir_.path();
    auto opened = audit::AuditLog::Open(options, std::make_shared<const audit::SigningKey>(std::move(*key)), log_);
    std::vector<store::EventPtr> events;
    for (int i = 1; i <= 10; ++i) {
      store::Event event;
      event.seq = i;
      event.id = runtime::UuidV7();
      event.recorded_at = 1'795'190'400'000'000'000 + i;
      event.repository = "acme/app";
      event.actor = i % 2 == 0 ? "alice" : "bob";
      events.push_back(std::make_shared<const store::Event>(std::move(event)));
    }
    if (!(*opened)->Append(events) || !(*opened)->End()) throw std::runtime_error("no log");
  }

  Ran RunWith(std::vector<std::string> arguments) {
    std::vector<const char*> raw{"portcall", "audit"};
    for (std::string& argument : arguments) raw.push_back(argument.c_str());
    std::ostringstream out, err;
    const int code = app::Run(static_cast<int>(raw.size()), raw.data(), {}, out, err);
    return {code, out.str(), err.str()};
  }
  std::string folder() const { return dir_.path().string(); }
  void Damage() {
    const auto file = dir_.path() / audit::SegmentName(0);
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(stream)), {});
    stream.seekp(static_cast<std::streamoff>(text.find("\"bob\"") + 1));
    stream << "eve";
  }

  portcall::testing::TempDir dir_;
  runtime::Log log_;
};

TEST_F(AuditCommand, VerifySaysWhatItsWordIsWorth) {
  const Ran ran = RunWith({"verify", folder()});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("10 records from 0 on in 1 segments, 1 checkpoints, key registry.example.com+"));
  EXPECT_THAT(ran.out, HasSubstr("there was no anchor"));
  EXPECT_THAT(ran.out, HasSubstr("the key came from the folder itself"));
  EXPECT_THAT(ran.out, HasSubstr(folder() + ": ok\n"));
  EXPECT_EQ(ran.err, "");
}

TEST_F(AuditCommand, VerifyWithAnAnchorAndAKeyHasNothingToExcuse) {
  const std::string notes = folder() + "/checkpoints", key = folder() + "/checkpoint.pub";
  const Ran ran = RunWith({"verify", folder(), "--anchor", notes, "--key", key});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("by what is kept elsewhere, all of them"));
  EXPECT_THAT(ran.out, Not(HasSubstr("came from the folder")));
}

TEST_F(AuditCommand, VerifyFindsDamage) {
  Damage();
  const Ran ran = RunWith({"verify", folder()});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr(":1 (record 0): record 0 was edited"));
  EXPECT_THAT(ran.out, HasSubstr("DAMAGED"));
  const Ran json = RunWith({"verify", folder(), "--json"});
  EXPECT_EQ(json.code, 1);
  const auto report = nlohmann::json::parse(json.out);
  EXPECT_EQ(report["sound"], false);
  EXPECT_EQ(report["findings"][0]["record"], 0);
  EXPECT_EQ(report["findings"][0]["line"], 1);
}

TEST_F(AuditCommand, WhatCannotBeVerifiedIsNoDamage) {
  EXPECT_EQ(RunWith({"verify", folder() + "/nothing"}).code, 2);
  std::filesystem::create_symlink("loop", folder() + "/loop");
  const Ran loop = RunWith({"verify", folder() + "/loop"});
  EXPECT_EQ(loop.code, 2);
  EXPECT_THAT(loop.err, HasSubstr("loop"));
  const portcall::testing::TempDir empty;
  const Ran nothing = RunWith({"verify", empty.path().string(), "--key", folder() + "/checkpoint.pub"});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("holds no audit log"));
  const Ran exported = RunWith({"export", empty.path().string()});
  EXPECT_EQ(exported.code, 2);
  EXPECT_THAT(exported.err, HasSubstr("holds no audit log"));
  EXPECT_EQ(RunWith({"verify", folder(), "--key", folder() + "/nothing"}).code, 2);
  EXPECT_EQ(RunWith({"verify", folder(), "--anchor", folder() + "/nothing"}).code, 2);
  EXPECT_EQ(RunWith({"verify", folder(), "--database", folder() + "/nothing"}).code, 2);
  EXPECT_EQ(RunWith({"verify", folder(), "--endpoint", "audit"}).code, 2);
  EXPECT_EQ(RunWith({}).code, 2);
}

TEST_F(AuditCommand, ExportPrintsOrWrites) {
  const Ran all = RunWith({"export", folder()});
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(std::ranges::count(all.out, '\n'), 10);
  const Ran some = RunWith({"export", folder(), "--actor", "alice", "--format", "csv"});
  EXPECT_EQ(std::ranges::count(some.out, '\n'), 6);
  EXPECT_THAT(some.out, StartsWith("n,seq,"));
  const Ran written = RunWith({"export", folder(), "--output", folder() + "/out"});
  EXPECT_EQ(written.code, 0);
  EXPECT_EQ(written.out, "");
  EXPECT_THAT(written.err, HasSubstr("10 records"));
}

TEST_F(AuditCommand, ExportRefusesWhatMakesNoSense) {
  EXPECT_EQ(RunWith({"export", folder(), "--since", "yesterday"}).code, 2);
  EXPECT_EQ(RunWith({"export", folder(), "--action", "dance"}).code, 2);
  EXPECT_EQ(RunWith({"export", folder(), "--format", "xml"}).code, 2);
  EXPECT_EQ(RunWith({"export", folder(), "--output", folder() + "/no/where"}).code, 2);
}

}  // namespace
}  // namespace portcall::app
