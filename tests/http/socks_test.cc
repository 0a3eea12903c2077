#include "runtime/http/socks.h"

#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using namespace std::string_literals;

TEST(SocksTest, SaysWhatTheRfcWants) {
  EXPECT_EQ(SocksGreeting(false), "\x05\x01\x00"s);
  EXPECT_EQ(SocksGreeting(true), "\x05\x02\x00\x02"s);
  EXPECT_EQ(SocksLogin("user:p:w"), "\x01\x04user\x03p:w"s);
  EXPECT_EQ(SocksLogin("user"), "\x01\x04user\x00"s);
  EXPECT_EQ(SocksConnect("a.example", 443), "\x05\x01\x00\x03\x09"s + "a.example\x01\xbb"s);
  EXPECT_EQ(SocksConnect("192.0.2.1", 80), "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"s);
  EXPECT_EQ(SocksConnect("::1%lo", 80), "\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x50"s);
}

TEST(SocksTest, UnderstandsWhatTheServerSays) {
  EXPECT_EQ(MethodOf("\x05\x00"s), SocksMethod::kNone);
  EXPECT_EQ(MethodOf("\x05\x02"s), SocksMethod::kPassword);
  EXPECT_EQ(MethodOf("\x05\xff"s), SocksMethod::kRefused);
  EXPECT_EQ(MethodOf("HT"), SocksMethod::kRefused);
  EXPECT_EQ(SocksRefusal("\x05\x00\x00\x01"s), "");
  EXPECT_EQ(SocksRefusal("\x05\x02\x00\x01"s), "its rules do not allow that");
  EXPECT_EQ(SocksRefusal("\x05\x63\x00\x01"s), "it failed");
  EXPECT_EQ(SocksRefusal("HTTP"), "the answer is not SOCKS 5");
  EXPECT_EQ(SocksAddressBytes("\x05\x00\x00\x01"s), 6U);
  EXPECT_EQ(SocksAddressBytes("\x05\x00\x00\x04"s), 18U);
  EXPECT_EQ(SocksAddressBytes("\x05\x00\x00\x03"s), 1U);
  EXPECT_EQ(SocksAddressBytes("\x05\x00\x00\x03\x09"s), 12U);
  EXPECT_EQ(SocksAddressBytes("\x05\x00\x00\x07"s), 0U);
}

}  // namespace
}  // namespace portcall::http
