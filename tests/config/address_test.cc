#include "config/reader/address.h"

#include <gtest/gtest.h>

#include <utility>

namespace portcall::config {
namespace {

TEST(Address, AcceptsWhatCanBeListenedOn) {
  for (const char* text : {":5000", "127.0.0.1:0", "localhost:5001", "[::1]:5000", "[fe80::1%eth0]:80", "0.0.0.0:65535",
                           "unixhost:5000", "unix:5000"}) {
    EXPECT_EQ(WhyBadAddress(text, AddressFor::kListen), "") << text;
  }
}

TEST(Address, SaysWhatIsWrongAndWhatWasMeant) {
  struct Case {
    const char *text, *why;
  };
  for (const Case& c :
       {Case{"5000", "has no colon: write :5000"}, Case{"localhost", "\"localhost\" has no port: write localhost:5000"},
        Case{":65536", "\"65536\" is no port: ports end at 65535"},
        Case{":99999999999999999999", "\"99999999999999999999\" is no port: ports end at 65535"},
        Case{":http", "\"http\" is no port number; write host:port, like 127.0.0.1:5000 or :5000"},
        Case{"localhost:", "the port is missing after the colon; write host:port, like 127.0.0.1:5000 or :5000"},
        Case{"::1:5000", "an IPv6 address stands in brackets: write [::1]:port"},
        Case{"[::1]", "has no port: write [::1]:5000"}, Case{"[::g]:1", "[::g] is no IPv6 address"},
        Case{"1.2.3.400:1", "1.2.3.400 is no IPv4 address"}, Case{"a b:1", "\"a b\" is no host name"},
        Case{"http://x:1", "is a URL; write host:port, like 127.0.0.1:5000 or :5000"},
        Case{"unix:/run/r.sock",
             "is a path; Unix sockets are not served: write host:port, like 127.0.0.1:5000 or :5000"},
        Case{"/run/r.sock", "is a path; Unix sockets are not served: write host:port, like 127.0.0.1:5000 or :5000"}}) {
    EXPECT_EQ(WhyBadAddress(c.text, AddressFor::kListen), c.why) << c.text;
  }
  EXPECT_EQ(WhyBadAddress(":80", AddressFor::kConnect), "a host and a port are needed to connect");
  EXPECT_EQ(WhyBadAddress("h:0", AddressFor::kConnect), "a host and a port are needed to connect");
}

TEST(Address, OnePlaceToListenIsKnownInEverySpelling) {
  using Pair = std::pair<const char*, const char*>;
  for (const auto& [a, b] :
       {Pair{":5000", "0.0.0.0:5000"}, Pair{":5000", "localhost:5000"}, Pair{":5000", "[::]:5000"},
        Pair{":5000", "registry.example.com:5000"}, Pair{"0.0.0.0:5000", "127.0.0.1:5000"},
        Pair{"0.0.0.0:5000", "[::]:5000"}, Pair{"0.0.0.0:5000", "[::1]:5000"}, Pair{"[0::0]:5000", "127.0.0.1:5000"},
        Pair{"0.0.0.0:5000", "b:5000"}, Pair{"[::ffff:0.0.0.0]:5000", "[::1]:5000"},
        Pair{"[::ffff:127.0.0.1]:5000", "127.0.0.1:5000"}, Pair{"localhost:5000", "127.0.0.1:5000"},
        Pair{"localhost:5000", "[::1]:5000"}, Pair{"LOCALHOST:5000", "localhost:5000"},
        Pair{"[::]:5000", "localhost:5000"}, Pair{"[::1]:5000", "[0:0::1]:5000"}, Pair{"h:05000", "H:5000"}}) {
    EXPECT_TRUE(Collide(a, b)) << a << " " << b;
    EXPECT_TRUE(Collide(b, a)) << a << " " << b;
  }
  for (const auto& [a, b] : {Pair{":5000", ":5001"}, Pair{":0", ":0"}, Pair{"127.0.0.1:5000", "127.0.0.2:5000"},
                             Pair{"127.0.0.1:5000", "[::1]:5000"}, Pair{"a:5000", "b:5000"},
                             Pair{"[::ffff:127.0.0.1]:5000", "[::1]:5000"}, Pair{"5000", "5000"}}) {
    EXPECT_FALSE(Collide(a, b)) << a << " " << b;
    EXPECT_FALSE(Collide(b, a)) << a << " " << b;
  }
}

TEST(Url, NeedsSchemeAndHost) {
  for (const char* text : {"http://h", "https://user:pw@h:8443/p?q=1", "HTTPS://X.Y", "http://[::1]:80/"})
    EXPECT_EQ(WhyBadUrl(text), "") << text;
  EXPECT_EQ(WhyBadUrl(""), "is empty; write https://host/path");
  EXPECT_EQ(WhyBadUrl("h/path"), "has no scheme; write https://host/path");
  EXPECT_EQ(WhyBadUrl("ftp://h"), "has the scheme \"ftp\", where http or https is wanted");
  EXPECT_EQ(WhyBadUrl("http:///p"), "names no host; write https://host/path");
  EXPECT_NE(WhyBadUrl("http://h:99999/"), "");
  EXPECT_NE(WhyBadUrl("http://h /"), "");
}

TEST(Url, NeverShowsItsPassword) {
  for (const char* text :
       {"http://u:hunter2@h:x/", "http://u:hunter2@/", "http://u:hunter2@ h/", "https://h:x/?token=hunter2"}) {
    std::string why = WhyBadUrl(text);
    EXPECT_NE(why, "") << text;
    EXPECT_EQ(why.find("hunter2"), std::string::npos) << why;
  }
}

TEST(Prefix, IsAPath) {
  EXPECT_EQ(WhyBadPrefix("/my/nested/"), "");
  for (const char* text : {"/a b/", "/a//b/", "/../", "/a?b/", "/ä/"}) EXPECT_NE(WhyBadPrefix(text), "") << text;
}

TEST(Network, IsCompleted) {
  std::string network = "10.1.2.3";
  EXPECT_EQ(WhyBadNetwork(network), "");
  EXPECT_EQ(network, "10.1.2.3/32");
  for (std::string bad : {"10.0.0.0/33", "fc00::/129", "proxy", "10.0.0.0/", "10.0.0.0/-1"})
    EXPECT_NE(WhyBadNetwork(bad), "") << bad;
}

}  // namespace
}  // namespace portcall::config
