#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

std::string Entries(const std::string& entries) { return kBase + "notifications:\n  endpoints:\n" + entries; }

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
