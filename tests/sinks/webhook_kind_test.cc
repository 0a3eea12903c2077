#include "sinks/http/webhook_kind.h"

#include <gmock/gmock.h>

#include <fstream>

#include "sinks/http/webhook.h"
#include "tests/config/helpers.h"
#include "tests/support/temp_dir.h"

namespace portcall::sinks {
namespace {

using config::ExpectRefused;
using config::Finding;
using config::Good;
using config::Serve;
using config::Texts;
using config::WithEndpoint;
using ::testing::StartsWith;

TEST(WebhookKind, Signatures) {
  const auto read = [](const std::string& lines) {
    return *Good(Serve(WithEndpoint(lines))).endpoints.at(0).As<WebhookConfig>();
  };
  EXPECT_TRUE(read("").hmac_secret.empty());
  EXPECT_EQ(read("hmac: {secret: hunter2}").hmac_secret, "hunter2");
  EXPECT_EQ(read("hmac: {secret: hunter2}").hmac_header, "X-Signature");
  EXPECT_EQ(read("hmac: {secret: hunter2, header: X-Hub-Signature-256}").hmac_header, "X-Hub-Signature-256");
  const Finding kFindings[] = {
      {"hmac: {header: X-A}", ".hmac.secret: is missing"},
      {"hmac: {}", ".hmac.secret: is missing"},
      {"hmac: hunter2", ".hmac: is a single value where a map (name: value) is wanted"},
      {"hmac: {secret: [hunter2]}", ".hmac.secret: is a list where text is wanted"},
      {"hmac: {secret: hunter2, header: Content-type}",
       ".hmac.header: says what the body is: write another, such as header: X-Signature"},
      {"hmac: {secret: hunter2, header: 'X A'}",
       ".hmac.header: a header's name may hold letters, digits and dashes, without blanks or colons"},
      {"hmac: {secret: hunter2, header: Content-Length}",
       ".hmac.header: every request says this for itself: choose another header"},
      {"hmac: {secret: hunter2}\nheaders: {x-signature: hunter2}",
       ".hmac.header: \"X-Signature\" stands in headers too"},
      {"hmac: {secret: hunter2, key: x}", ".hmac.key: unknown key"},
      {"brokers: [h:1]", ".brokers: means nothing for type: webhook; it belongs to kafka"},
      {"key: x", ".key: means nothing for type: webhook; it belongs to kafka or audit"},
  };
  for (const Finding& finding : kFindings) ExpectRefused("url: http://h/e", finding);
}

TEST(WebhookKind, AnEventsAttributesAreNoHeadersOfTheEntry) {
  ExpectRefused("url: http://h/e",
                {"format: cloudevents\nheaders: {CE-Id: x}",
                 ".headers: \"CE-Id\" is an attribute of the event, which the format writes itself"});
  EXPECT_TRUE(Good(Serve(WithEndpoint("headers: {ce-id: x}"))).endpoints.at(0).headers.size() == 1);
}

TEST(WebhookKind, TlsFilesAreCheckedAtTheirKeys) {
  const portcall::testing::TempDir folder;
  const std::string file = folder.path() / "none.pem";
  std::ofstream(file) << "no certificate\n";
  const auto at = [&](const std::string& url, const std::string& keys) {
    return Texts(Serve(config::WithEntry("url: " + url + "\ntls: {" + keys + "}")));
  };
  EXPECT_THAT(at("https://h/", "ca: " + file),
              StartsWith("f.yml:8:17: error: notifications.endpoints[0].tls.ca: CA file " + file + " holds no usable"));
  EXPECT_THAT(at("https://h/", "certificate: " + file + ", key: " + file),
              StartsWith("f.yml:8:26: error: notifications.endpoints[0].tls.certificate: certificate " + file));
  EXPECT_EQ(at("http://h/", "ca: " + file), "") << "nobody reads it";
  EXPECT_EQ(at("https://h/\ndisabled: true", "ca: " + file), "");
}

}  // namespace
}  // namespace portcall::sinks
