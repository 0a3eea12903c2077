#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

const std::string kType = "type: audit";

std::string Entries(const std::string& entries) { return kBase + "notifications:\n  endpoints:\n" + entries; }

TEST(Audit, Defaults) {
  const Endpoint e = Good(Serve(WithType(kType, "directory: /var/audit/"))).endpoints.at(0);
  ASSERT_TRUE(e.audit);
  EXPECT_EQ(e.audit->directory, "/var/audit");
  EXPECT_EQ(e.url, "/var/audit");
  EXPECT_EQ(e.format, "jsonl");
  EXPECT_EQ(e.order, Order::kStrict);
  EXPECT_EQ(e.audit->origin, "a");
  EXPECT_TRUE(e.audit->key.empty());
  EXPECT_EQ(e.audit->checkpoint_records, 1'000);
  EXPECT_EQ(e.audit->checkpoint_interval, Millis(60'000));
  EXPECT_EQ(e.audit->rotate_bytes, 256ull << 20);
  EXPECT_EQ(e.audit->rotate_interval, std::chrono::hours(24));
  EXPECT_TRUE(e.audit->compress);
  EXPECT_EQ(e.audit->keep, Millis(0));
  EXPECT_FALSE(e.audit->publish);
}

TEST(Audit, EveryKeyArrives) {
  const Endpoint e = Good(Serve(WithType(kType, R"(directory: /var/x/../audit
format: ecs
key: /dev/null
origin: r.example/audit
checkpoint: {records: 10, interval: 5s}
rotate: {size: 64K, interval: 1h}
compress: false
keep: 8760h
order: strict)")))
                         .endpoints.at(0);
  EXPECT_EQ(e.audit->directory, "/var/audit");
  EXPECT_EQ(e.audit->format, "ecs");
  EXPECT_EQ(e.format, "ecs");
  EXPECT_EQ(e.audit->key, "/dev/null");
  EXPECT_TRUE(e.key.empty());
  EXPECT_EQ(e.audit->origin, "r.example/audit");
  EXPECT_EQ(e.audit->checkpoint_records, 10);
  EXPECT_EQ(e.audit->checkpoint_interval, Millis(5'000));
  EXPECT_EQ(e.audit->rotate_bytes, 64u << 10);
  EXPECT_EQ(e.audit->rotate_interval, std::chrono::hours(1));
  EXPECT_FALSE(e.audit->compress);
  EXPECT_EQ(e.audit->keep, std::chrono::hours(8'760));
}

TEST(Audit, ErrorsSayWhatWasMeant) {
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

TEST(Audit, ANameThatIsNoOriginAsksForOne) {
  const std::string text = Entries("    - {name: my audit, type: audit, directory: /x}\n");
  EXPECT_NE(Texts(Serve(text)).find("endpoints[0].origin: \"my audit\" cannot name a checkpoint"), std::string::npos);
  EXPECT_TRUE(Serve(Entries("    - {name: my audit, type: audit, directory: /x, origin: o}\n")).config);
}

TEST(Audit, TwoCannotShareAFolder) {
  const std::string text = Entries(
      "    - {name: a, type: audit, directory: /x/y}\n"
      "    - {name: b, type: audit, directory: /x//y/}\n");
  EXPECT_NE(Texts(Serve(text)).find("directory: \"/x/y\" stands at two endpoints; each needs its own"),
            std::string::npos);
}

TEST(Audit, CheckpointsArePublishedWhenSomebodyTakesThem) {
  const std::string audit = "    - {name: a, type: audit, directory: /x}\n";
  const std::string taker = "name: b, url: 'http://h/', format: cloudevents, only: {actions: [checkpoint]}}\n";
  const Config anchored = Good(Serve(Entries(audit + "    - {" + taker)));
  EXPECT_TRUE(anchored.endpoints.at(0).audit->publish);
  EXPECT_FALSE(Good(Serve(Entries(audit + "    - {disabled: true, " + taker))).endpoints.at(0).audit->publish);

  const char* warning = "nobody outside holds the checkpoints of \"a\"";
  EXPECT_EQ(Texts(Check(Entries(audit + "    - {" + taker))).find(warning), std::string::npos);
  EXPECT_NE(Texts(Check(Entries(audit))).find(warning), std::string::npos);
  EXPECT_EQ(Texts(Serve(Entries(audit))).find(warning), std::string::npos);
}

TEST(AuditPolicy, AWordOrAMap) {
  const auto read = [](const std::string& lines) { return Good(Serve(kBase + lines)).audit; };
  EXPECT_FALSE(read("").strict);
  EXPECT_TRUE(read("audit: strict").strict);
  EXPECT_FALSE(read("audit: strict").refused);
  EXPECT_TRUE(read("audit: {strict: true}").strict);
  EXPECT_TRUE(read("audit: {refused: true}").refused);
  EXPECT_TRUE(Good(Serve(kBase, {{"REGISTRY_AUDIT_REFUSED", "true"}})).audit.refused);
  EXPECT_TRUE(Good(Serve(kBase, {{"REGISTRY_AUDIT", "strict"}})).audit.strict);
}

TEST(AuditPolicy, ErrorsSayWhatWasMeant) {
  EXPECT_EQ(Texts(Serve(kBase + "audit: strikt")),
            "f.yml:4:8: error: audit: is \"strikt\"; it may be strict; did you mean strict?\n");
  EXPECT_EQ(Texts(Serve(kBase + "audit: {refuse: true}")),
            "f.yml:4:9: error: audit.refuse: unknown key; did you mean refused?\n");
  EXPECT_EQ(Texts(Serve(kBase + "audit: strict\nnotifications: {events: {pull: off}}")),
            "f.yml:4:8: error: audit: strict records every request, and notifications.events.pull: off records no "
            "pull\n");
}

TEST(AuditPolicy, CheckAsksWhoTakesRefusedRequests) {
  const std::string refused = "audit: {refused: true}\n", warning = "no endpoint takes them";
  const auto warned = [&](const std::string& text) { return Texts(Check(text)).find(warning) != std::string::npos; };
  EXPECT_TRUE(warned(kBase + refused));
  EXPECT_FALSE(warned(Entries("    - {name: a, type: audit, directory: /x}\n") + refused));
  EXPECT_TRUE(warned(Entries("    - {name: a, type: audit, directory: /x, disabled: true}\n") + refused));
  const std::string asking = "    - {name: a, url: 'http://h/', format: cloudevents, only: {actions: [refused]}}\n";
  EXPECT_FALSE(warned(Entries(asking) + refused));
}

TEST(AuditPolicy, MayChangeWithoutARestart) {
  EXPECT_TRUE(NeedsRestart(Good(Serve(kBase)), Good(Serve(kBase + "audit: {strict: true, refused: true}"))).empty());
}

}  // namespace
}  // namespace portcall::config
