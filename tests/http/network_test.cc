#include "runtime/http/network.h"

#include <gtest/gtest.h>

namespace portcall::http {
namespace {

bool Holds(const char* network, const char* ip) {
  const auto parsed = ParseNetwork(network);
  EXPECT_TRUE(parsed) << network;
  return parsed && http::Holds(*parsed, ip);
}

TEST(NetworkTest, HoldsItsAddressesAndNoOthers) {
  EXPECT_TRUE(Holds("192.168.4.0/22", "192.168.7.255"));
  EXPECT_FALSE(Holds("192.168.4.0/22", "192.168.8.0"));
  EXPECT_TRUE(Holds("fd00::/9", "fd7f::1"));
  EXPECT_FALSE(Holds("fd00::/9", "fd80::1"));
  EXPECT_TRUE(Holds("203.0.113.7", "203.0.113.7"));
  EXPECT_FALSE(Holds("203.0.113.7", "203.0.113.6"));
  EXPECT_TRUE(Holds("0.0.0.0/0", "203.0.113.6"));
  EXPECT_FALSE(Holds("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(Holds("::/0", "nonsense"));
}

TEST(NetworkTest, BitsBeyondTheLengthDoNotCount) { EXPECT_TRUE(Holds("10.1.2.3/8", "10.200.0.1")); }

TEST(NetworkTest, MappedAddressesAreThoseTheyStandFor) {
  EXPECT_TRUE(Holds("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(Holds("::ffff:10.0.0.0/104", "10.1.2.3"));
  EXPECT_FALSE(Holds("10.0.0.0/8", "::10.1.2.3"));
}

TEST(NetworkTest, RefusesWhatIsNone) {
  for (const char* text : {"", "nonsense", "1.2.3.4/33", "fc00::/129", "1.2.3.4/", "1.2.3.4/x", "1.2.3.4/-1",
                           "1.2.3.4/0x8", "1.2.3/8", "1.2.3.4/8/8"}) {
    EXPECT_FALSE(ParseNetwork(text)) << text;
  }
}

}  // namespace
}  // namespace portcall::http
