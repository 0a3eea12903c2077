#include "sinks/kafka/reserved.h"

#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

TEST(KafkaReservedTest, ADotEndsAPrefixAndNothingElseIsOne) {
  EXPECT_FALSE(WhyReserved("sasl.password").empty());
  EXPECT_FALSE(WhyReserved("acks").empty());
  EXPECT_TRUE(WhyReserved("acks.more").empty());
  EXPECT_TRUE(WhyReserved("saslx").empty());
  EXPECT_TRUE(WhyReserved("linger.ms").empty());
}

TEST(KafkaReservedTest, KnowsWhatIsSecret) {
  for (const char* name : {"sasl.password", "ssl.key.pem", "ssl.key.password", "ssl.keystore.password",
                           "sasl.oauthbearer.client.secret", "sasl.jaas.config", "sasl.oauthbearer.config"}) {
    EXPECT_TRUE(IsSecretProperty(name)) << name;
  }
  EXPECT_FALSE(IsSecretProperty("linger.ms"));
}

}  // namespace
}  // namespace portcall::sinks
