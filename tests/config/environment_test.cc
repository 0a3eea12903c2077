#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

// Each as Distribution 2.8.2 was seen to take it.
TEST(Variables, SetSingleValues) {
  Config config = Good(Serve(kBase, {{"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"},
                                     {"REGISTRY_HTTP_RELATIVEURLS", "true"},
                                     {"REGISTRY_HTTP_HOST", "https://pub.example.org:8443"},
                                     {"REGISTRY_HTTP_PREFIX", "/my/nested/"},
                                     {"REGISTRY_HTTP_ADDR", ":5005"},
                                     {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/var/lib/r"},
                                     {"REGISTRY_STORAGE_DELETE_ENABLED", "true"},
                                     {"REGISTRY_HTTP_SECRET", "hunter2"}}));
  EXPECT_TRUE(config.storage.read_only);
  EXPECT_TRUE(config.http.relative_urls);
  EXPECT_EQ(config.http.host, "https://pub.example.org:8443");
  EXPECT_EQ(config.http.prefix, "/my/nested/");
  EXPECT_EQ(config.http.addr, ":5005");
  EXPECT_EQ(config.storage.root_directory, "/var/lib/r");
  EXPECT_TRUE(config.storage.delete_enabled);
  EXPECT_EQ(config.http.secret, "hunter2");
}

TEST(Variables, SetMapsAndThenTheirMembersInTheOrderOfTheNames) {
  Config config = Good(Serve(kBase, {{"REGISTRY_STORAGE_MAINTENANCE", "{readonly: {enabled: true}}"},
                                     {"REGISTRY_HTTP", "{addr: ':1', relativeurls: true}"},
                                     {"REGISTRY_HTTP_ADDR", ":2"}}));
  EXPECT_TRUE(config.storage.read_only);
  EXPECT_TRUE(config.http.relative_urls);
  EXPECT_EQ(config.http.addr, ":2");
}

TEST(Variables, CanBeTheWholeConfiguration) {
  Config config = Good(Serve("version: 0.1", {{"REGISTRY_STORAGE", "filesystem"},
                                              {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data"},
                                              {"REGISTRY_HTTP_ADDR", ":5000"}}));
  EXPECT_EQ(config.storage.root_directory, "/data");
}

TEST(Variables, ReachEntriesOfListsAndAppend) {
  std::string text = WithEndpoint("timeout: 1s");
  Config config = Good(Serve(text, {{"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TIMEOUT", "7s"},
                                    {"REGISTRY_NOTIFICATIONS_ENDPOINTS_1_NAME", "b"},
                                    {"REGISTRY_NOTIFICATIONS_ENDPOINTS_1_URL", "http://b/"}}));
  ASSERT_EQ(config.endpoints.size(), 2u);
  EXPECT_EQ(config.endpoints[0].timeout, Millis(7000));
  EXPECT_EQ(config.endpoints[1].url, "http://b/");
  EXPECT_EQ(
      Texts(Serve(text, {{"REGISTRY_NOTIFICATIONS_ENDPOINTS_5_NAME", "b"}})),
      "REGISTRY_NOTIFICATIONS_ENDPOINTS_5_NAME: error: notifications.endpoints: \"5\" is no entry of this list: it "
      "has 1, counted from 0\n");
}

TEST(Variables, SetTheWholeListOfEndpointsAndTheFieldsOldName) {
  Config config =
      Good(Serve(kBase, {{"REGISTRY_NOTIFICATIONS_ENDPOINTS", "[{name: x, url: 'http://x/', headers: {A: [b]}}]"},
                         {"REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "true"}}));
  ASSERT_EQ(config.endpoints.size(), 1u);
  EXPECT_EQ(config.endpoints[0].name, "x");
  EXPECT_TRUE(config.events.include_references);
  EXPECT_TRUE(
      Good(Serve(kBase, {{"REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES", "true"}})).events.include_references);
}

TEST(Variables, ProblemsNameTheVariable) {
  struct Case {
    const char *name, *value, *text;
  };
  for (const Case& c : {
           Case{"REGISTRY_HTTP_ADDR", "5000", "REGISTRY_HTTP_ADDR: error: http.addr: has no colon: write :5000\n"},
           Case{"REGISTRY_HTTP_SECRET", "[hunter2,",
                "REGISTRY_HTTP_SECRET: error: not YAML: end of sequence flow not found\n"},
           Case{"REGISTRY_HTTP_SECRET", "@hunter2",
                "REGISTRY_HTTP_SECRET: error: not YAML: a value cannot begin with @, ` or %; put quotes around it\n"},
           Case{"REGISTRY_HTTP_ADDR_X", "1",
                "REGISTRY_HTTP_ADDR_X: error: http.addr: is a single value; nothing can be set below it\n"},
           Case{"REGISTRY_NOTIFICATIONS_EVENTS_PULLS", "off",
                "REGISTRY_NOTIFICATIONS_EVENTS_PULLS: error: notifications.events.pulls: unknown key; did you mean "
                "pull?\n"},
           Case{"REGISTRY_STORAGE_S3_BUCKET", "b",
                "REGISTRY_STORAGE_S3_BUCKET: error: storage.s3: is a second storage driver beside filesystem; keep one "
                "of them\n"},
       }) {
    Loaded loaded = Serve(kBase, {{c.name, c.value}});
    EXPECT_FALSE(loaded.config) << c.name;
    EXPECT_EQ(Texts(loaded), c.text);
  }
  Loaded open = Serve(kBase, {{"REGISTRY_AUTH", "{htpasswd: {realm: r, path: p}}"}});
  EXPECT_FALSE(open.config);
  EXPECT_EQ(Texts(open).find("REGISTRY_AUTH: error: auth: \"htpasswd\" protects"), 0u) << Texts(open);
}

TEST(Variables, WhatIsNoSettingOnlyWarns) {
  EXPECT_EQ(Texts(Serve(kBase, {{"REGISTRY_BOGUS_X", "1"},
                                {"REGISTRY_HTPP_ADDR", ":1"},
                                {"REGISTRY_VERSION", "0.3"},
                                {"PATH", "/bin"},
                                {"REGISTRY_CONFIGURATION_PATH", "/c"}})),
            "REGISTRY_BOGUS_X: warning: is ignored: no section has this name\n"
            "REGISTRY_HTPP_ADDR: warning: is ignored: no section has this name; did you mean http?\n"
            "REGISTRY_VERSION: warning: version: cannot be set by a variable and is ignored\n");
}

TEST(Variables, KubernetesServicesAreIgnoredInOneLine) {
  Loaded loaded = Serve(kBase, {{"REGISTRY_PORT", "tcp://10.0.0.1:5000"},
                                {"REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"},
                                {"REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"},
                                {"REGISTRY_SERVICE_HOST", "10.0.0.1"},
                                {"REGISTRY_SERVICE_PORT_HTTP", "5000"},
                                {"REGISTRY_HTTP_PORT", "tcp://10.0.0.2:80"},
                                {"REGISTRY_HTTP_SERVICE_PORT", "80"}});
  EXPECT_EQ(Good(loaded).http.addr, ":5000");
  EXPECT_EQ(
      Texts(loaded),
      "REGISTRY_HTTP_PORT: warning: variables that Kubernetes sets for a service are ignored: REGISTRY_HTTP_PORT, "
      "REGISTRY_HTTP_SERVICE_PORT, REGISTRY_PORT, REGISTRY_PORT_5000_TCP, REGISTRY_PORT_5000_TCP_ADDR, "
      "REGISTRY_SERVICE_HOST, REGISTRY_SERVICE_PORT_HTTP\n");
}

}  // namespace
}  // namespace portcall::config
