#include "sinks/audit/sink/audit_kind.h"

#include <filesystem>
#include <fstream>

#include "sinks/audit/sink/audit_config.h"
#include "tests/config/helpers.h"
#include "tests/support/temp_dir.h"

namespace portcall::sinks {
namespace {

using config::Check;
using config::Config;
using config::Endpoint;
using config::ExpectRefused;
using config::Finding;
using config::Good;
using config::kBase;
using config::Loaded;
using config::Millis;
using config::Order;
using config::Serve;
using config::Texts;
using config::WithType;

const std::string kType = "type: audit";

std::string Entries(const std::string& entries) { return kBase + "notifications:\n  endpoints:\n" + entries; }

TEST(AuditKind, Defaults) {
  const Endpoint e = Good(Serve(WithType(kType, "directory: /var/audit/"))).endpoints.at(0);
  ASSERT_TRUE(e.As<AuditConfig>());
  const AuditConfig own = *e.As<AuditConfig>();
  EXPECT_EQ(own.directory, "/var/audit");
  EXPECT_EQ(e.place, "/var/audit");
  EXPECT_EQ(e.format, "jsonl");
  EXPECT_EQ(e.order, Order::kStrict);
  EXPECT_EQ(own.origin, "a");
  EXPECT_TRUE(own.key.empty());
  EXPECT_EQ(own.checkpoint_records, 1'000);
  EXPECT_EQ(own.checkpoint_interval, Millis(60'000));
  EXPECT_EQ(own.rotate_bytes, 256ull << 20);
  EXPECT_EQ(own.rotate_interval, std::chrono::hours(24));
  EXPECT_TRUE(own.compress);
  EXPECT_EQ(own.keep, Millis(0));
  EXPECT_FALSE(own.publish);
}

TEST(AuditKind, EveryKeyArrives) {
  const Endpoint e = Good(Serve(WithType(kType, R"(directory: /var/x/../audit
format: ecs
key: /bin/true
origin: r.example/audit
checkpoint: {records: 10, interval: 5s}
rotate: {size: 64K, interval: 1h}
compress: false
keep: 8760h
order: strict)")))
                         .endpoints.at(0);
  const AuditConfig own = *e.As<AuditConfig>();
  EXPECT_EQ(own.directory, "/var/audit");
  EXPECT_EQ(own.format, "ecs");
  EXPECT_EQ(e.format, "ecs");
  EXPECT_EQ(own.key, "/bin/true");
  EXPECT_TRUE(e.key.empty());
  EXPECT_EQ(own.origin, "r.example/audit");
  EXPECT_EQ(own.checkpoint_records, 10);
  EXPECT_EQ(own.checkpoint_interval, Millis(5'000));
  EXPECT_EQ(own.rotate_bytes, 64u << 10);
  EXPECT_EQ(own.rotate_interval, std::chrono::hours(1));
  EXPECT_FALSE(own.compress);
  EXPECT_EQ(own.keep, std::chrono::hours(8'760));
}

TEST(AuditKind, ErrorsSayWhatWasMeant) {
  const Finding kFindings[] = {
      {"compress: true", ".directory: is missing: write directory: /var/lib/portcall/audit"},
      {"directory: audit", ".directory: \"audit\" is not absolute: it begins with /"},
      {"directory: /x/..", ".directory: is the root folder: name one for the audit log alone"},
      {"directory: /x\nformat: json", ".format: is \"json\"; it may be jsonl, ecs; did you mean jsonl?"},
      {"directory: /x\nkey: /no/such", ".key: \"/no/such\" does not exist"},
      {"directory: /x\norigin: a b",
       ".origin: \"a b\" cannot name a checkpoint: write origin: registry.example.com/audit (printable, without blanks "
       "and +)"},
      {"directory: /x\norder: none", ".order: is \"none\"; it may be strict"},
      {"directory: /x\nrotate: {size: 1}", ".rotate.size: is too small: at least 4KiB are needed"},
      {"directory: /x\nrotate: {every: 1h}", ".rotate.every: unknown key"},
      {"directory: /x\ncheckpoint: {records: 0}", ".checkpoint.records: 0 is not between 1 and 1000000000"},
      {"directory: /x\nurl: http://h/", ".url: means nothing for type: audit: only HTTP requests go to a URL"},
      {"directory: /x\nimages: true", ".images: means nothing for type: audit: an audit log is not for images alone"},
      {"directory: /x\nratelimit: 5",
       ".ratelimit: means nothing for type: audit; it belongs to webhook or kafka or ci"},
      {"directory: /x\ndebounce: 5s",
       ".debounce: means nothing for type: audit: every event becomes a record of its own"},
      {"directory: /x\nbrokers: h:1", ".brokers: means nothing for type: audit; it belongs to kafka"},
  };
  for (const Finding& finding : kFindings) ExpectRefused(kType, finding);
}

TEST(AuditKind, CheckKnowsAFolderThatCannotBeMadeAndAServerWaitsForIt) {
  const portcall::testing::TempDir dir;
  const std::string file = dir.File("file");
  std::ofstream(file) << "no folder\n";
  const auto problems = [](const std::string& directory) {
    return Texts(Check(WithType(kType, "directory: " + directory)));
  };
  EXPECT_NE(problems(file).find("endpoints[0].directory: \"" + file + "\" is no folder"), std::string::npos);
  EXPECT_NE(problems(file + "/audit").find("directory: \"" + file + "/audit\": Not a directory"), std::string::npos);
  EXPECT_FALSE(Check(WithType(kType, "directory: " + file + "/audit")).config);
  EXPECT_TRUE(Check(WithType(kType, "directory: " + dir.File("a/b/c"))).config);
  EXPECT_FALSE(std::filesystem::exists(dir.File("a"))) << "check makes nothing";
  EXPECT_TRUE(Serve(WithType(kType, "directory: " + file + "/audit")).config);
}

TEST(AuditKind, CheckReadsTheKey) {
  const portcall::testing::TempDir dir;
  std::ofstream(dir.File("key.pem")) << "no key\n";
  const Loaded loaded = Check(WithType(kType, "directory: /x\nkey: " + dir.File("key.pem")));
  EXPECT_NE(Texts(loaded).find("endpoints[0].key: "), std::string::npos);
  EXPECT_NE(Texts(loaded).find("holds no Ed25519 private key"), std::string::npos);
}

TEST(AuditKind, AReloadKnowsAnotherKeyUnderTheOldName) {
  const portcall::testing::TempDir dir;
  const auto with = [&](const std::string& content) {
    std::ofstream(dir.File("key.pem")) << content;
    return Good(Serve(WithType(kType, "directory: /x\nkey: " + dir.File("key.pem")))).endpoints.at(0).fingerprint;
  };
  const std::string first = with("one key\n");
  EXPECT_EQ(with("one key\n"), first);
  EXPECT_NE(with("another\n"), first);
}

TEST(AuditKind, ANameThatIsNoOriginAsksForOne) {
  const std::string text = Entries("    - {name: my audit, type: audit, directory: /x}\n");
  EXPECT_NE(Texts(Serve(text)).find("endpoints[0].origin: \"my audit\" cannot name a checkpoint"), std::string::npos);
  EXPECT_TRUE(Serve(Entries("    - {name: my audit, type: audit, directory: /x, origin: o}\n")).config);
}

TEST(AuditKind, TwoCannotShareAFolder) {
  const std::string text = Entries(
      "    - {name: a, type: audit, directory: /x/y}\n"
      "    - {name: b, type: audit, directory: /x//y/}\n");
  EXPECT_NE(Texts(Serve(text)).find("directory: \"/x/y\" stands at two endpoints; each needs its own"),
            std::string::npos);
}

std::string Origin(const Config& config, std::size_t endpoint) {
  return config.endpoints.at(endpoint).As<AuditConfig>()->origin;
}

TEST(AuditKind, LogsOfOneRegistryHaveOriginsOfTheirOwn) {
  const std::string source = "notifications:\n  source: r.example\n  endpoints:\n";
  const std::string one = "    - {name: a, type: audit, directory: /a}\n";
  EXPECT_EQ(Origin(Good(Serve(kBase + source + one)), 0), "r.example");
  const Config both = Good(Serve(kBase + source + one + "    - {name: b c+d, type: audit, directory: /b}\n" +
                                 "    - {name: e, type: audit, directory: /e, origin: named.example}\n"));
  EXPECT_EQ(Origin(both, 0), "r.example/a");
  EXPECT_EQ(Origin(both, 1), "r.example/b-c-d");
  EXPECT_EQ(Origin(both, 2), "named.example");
}

TEST(AuditKind, TwoLogsCannotSignAlike) {
  const auto text = [](const std::string& key) {
    return Entries(
        "    - {name: a, type: audit, directory: /a, origin: o, key: /bin/true}\n"
        "    - {name: b, type: audit, directory: /b, origin: o" +
        key + "}\n");
  };
  EXPECT_NE(Texts(Serve(text(", key: /bin/true"))).find("origin: \"o\" stands at two audit logs with one key"),
            std::string::npos);
  EXPECT_TRUE(Serve(text("")).config) << "their keys tell them apart";
}

TEST(AuditKind, CheckpointsArePublishedWhenSomebodyTakesThem) {
  const std::string audit = "    - {name: a, type: audit, directory: /x}\n";
  const std::string taker = "name: b, url: 'http://h/', format: cloudevents, only: {actions: [checkpoint]}}\n";
  const Config anchored = Good(Serve(Entries(audit + "    - {" + taker)));
  EXPECT_TRUE(anchored.endpoints.at(0).As<AuditConfig>()->publish);
  EXPECT_FALSE(
      Good(Serve(Entries(audit + "    - {disabled: true, " + taker))).endpoints.at(0).As<AuditConfig>()->publish);

  const char* warning = "nobody outside holds the checkpoints of \"a\"";
  EXPECT_EQ(Texts(Check(Entries(audit + "    - {" + taker))).find(warning), std::string::npos);
  EXPECT_NE(Texts(Check(Entries(audit))).find(warning), std::string::npos);
  EXPECT_EQ(Texts(Serve(Entries(audit))).find(warning), std::string::npos);
}

}  // namespace
}  // namespace portcall::sinks
