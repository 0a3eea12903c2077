#include "runtime/http/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The proxy's host and port; "-": straight; else what is wrong.
std::string Way(const ProxyEnvironment& environment, const std::string& url) {
  const auto proxy = ProxyFor(environment, *ParseUrl(url));
  if (!proxy) return proxy.error().detail;
  return *proxy ? (*proxy)->host_header() : "-";
}

TEST(ProxyTest, EachSchemeHasItsOwn) {
  const ProxyEnvironment both{.http = "http://one:3128", .https = "http://two:8080/", .none = ""};
  EXPECT_EQ(Way(both, "http://example.com/"), "one:3128");
  EXPECT_EQ(Way(both, "https://example.com/"), "two:8080");
  EXPECT_EQ(Way({.http = "http://one:3128", .https = "", .none = ""}, "https://example.com/"), "-");
  EXPECT_EQ(Way({.http = "one:3128", .https = "", .none = ""}, "http://example.com/"), "one:3128");
  EXPECT_EQ(Way({.http = "one", .https = "", .none = ""}, "http://example.com/"), "one");
}

// The cases of golang.org/x/net/http/httpproxy, proxy_test.go: UseProxyTests and ProxyForURLTests.
TEST(ProxyTest, NoProxyMeansWhatGoTakesItFor) {
  const std::string list =
      "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, "
      "2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64, port.example:81,";
  const ProxyEnvironment environment{.http = "http://proxy:1", .https = "http://proxy:1", .none = list};
  for (const char* straight :
       {"localhost", "127.0.0.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "barbaz.net.barbaz.net", "www.barbaz.net",
        "foobar.com", "www.foobar.com", "FOOBAR.com", "a.wildcard.io", "192.168.1.1", "192.168.1.3", "10.0.0.2",
        "[2001:db8::52:0:1]", "[2001:db8::52:0:3]", "[2002:db8:a::123]", "port.example:81", "192.168.1.2:81"}) {
    EXPECT_EQ(Way(environment, std::string("http://") + straight + "/"), "-") << straight;
  }
  for (const char* by_proxy : {"example.com", "barbaz.net", "foofoobar.com", "baz.com", "localhost.net",
                               "local.localhost", "wildcard.io", "192.168.1.2", "192.168.1.4", "10.0.0.4",
                               "[2001:db8::52:0:2]", "[fe80::424b:c8be:1643:a1b6]", "port.example", "192.168.1.3:81"}) {
    EXPECT_EQ(Way(environment, std::string("http://") + by_proxy + "/"), "proxy:1") << by_proxy;
  }
  EXPECT_EQ(Way(environment, "https://[2001:db8::52:0:2]/"), "-");
  for (const char* all : {"*", " * ", "a, *, b"}) {
    EXPECT_EQ(Way({.http = "proxy:1", .https = "", .none = all}, "http://example.com/"), "-") << all;
  }
  EXPECT_EQ(Way({.http = "proxy:1", .https = "", .none = ", ,:80,"}, "http://example.com/"), "proxy:1");
}

TEST(ProxyTest, AWrongOneIsNamedAndNotShown) {
  const auto wrong = [](const std::string& text) {
    return Way({.http = "", .https = text, .none = ""}, "https://example.com/");
  };
  EXPECT_THAT(wrong("socks4://u:hunter2@proxy:1080"), AllOf(HasSubstr("HTTPS_PROXY: "), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(wrong("https://u:hunter2@proxy"), AllOf(HasSubstr("HTTPS_PROXY: "), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(wrong("http://u:hunter2@pro xy:1"), AllOf(HasSubstr("HTTPS_PROXY: "), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(Way({.http = "proxy:1", .https = "", .none = "", .cgi = true}, "http://example.com/"),
              HasSubstr("HTTP_PROXY: is not trusted"));
}

TEST(ProxyTest, SocksIsAProxyToo) {
  const auto to = [](const std::string& text) {
    return *ProxyFor({.http = text, .https = "", .none = ""}, *ParseUrl("http://example.com/"));
  };
  for (const char* scheme : {"socks5", "socks5h", "SOCKS5"}) {
    const auto proxy = to(std::string(scheme) + "://u:p@proxy");
    ASSERT_TRUE(proxy) << scheme;
    EXPECT_EQ(proxy->scheme, "socks5");
    EXPECT_EQ(proxy->host_header(), "proxy:1080");
    EXPECT_EQ(proxy->userinfo, "u:p");
  }
  EXPECT_THAT(Way({.http = "socks5://u:" + std::string(256, 'p') + "@proxy", .https = "", .none = ""}, "http://h/"),
              HasSubstr("HTTP_PROXY: user or password is too long"));
  EXPECT_EQ(to("socks5://proxy:80")->port, 80);
  EXPECT_EQ(to("socks5://[::1]:443")->port, 443);
}

TEST(ProxyTest, CredentialsBecomeBasic) {
  EXPECT_EQ(ProxyAuthorization(*ParseUrl("http://user:p%40ss@proxy/")), "Basic dXNlcjpwQHNz");
  EXPECT_EQ(ProxyAuthorization(*ParseUrl("http://user@proxy/")), "Basic dXNlcjo=");
  EXPECT_EQ(ProxyAuthorization(*ParseUrl("http://proxy/")), "");
}

}  // namespace
}  // namespace portcall::http
