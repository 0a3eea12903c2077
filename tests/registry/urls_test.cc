#include "registry/request/urls.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace portcall::registry {
namespace {

class UrlsTest : public ::testing::Test {
 protected:
  UrlsTest() {
    request_.peer_ip = "10.1.2.3";
    request_.peer = "10.1.2.3:4567";
    request_.fields.Add("Host", "reg.example.com:5000");
  }
  std::string Client() const { return ClientBehindProxy(request_, proxies_).value_or(request_.peer); }
  std::string Url() const { return Urls(config_, request_, proxies_).Blob("a/b", "sha256:1"); }

  config::HttpConfig config_;
  http::Request request_;
  TrustedProxies proxies_{{"10.0.0.0/8", "::1/128"}};
};

TEST_F(UrlsTest, TheRequestsOwnHostAndScheme) {
  EXPECT_EQ(Url(), "http://reg.example.com:5000/v2/a/b/blobs/sha256:1");
  request_.tls = true;
  EXPECT_EQ(Url(), "https://reg.example.com:5000/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, AHostThatIsNoneIsNotRepeated) {
  request_.fields.Set("Host", "a b\"<script>/path");
  EXPECT_EQ(Url(), "/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, TheConfiguredHostGoesBeforeAll) {
  config_.host = "https://fixed.example.com/";
  config_.relative_urls = true;
  request_.fields.Add("X-Forwarded-Host", "ext.example.com");
  EXPECT_EQ(Url(), "https://fixed.example.com/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, RelativeUrlsArePathsUnderThePrefix) {
  config_.relative_urls = true;
  config_.prefix = "/my/nested/";
  EXPECT_EQ(Url(), "/my/nested/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, ATrustedProxyTellsTheOrigin) {
  request_.fields.Add("X-Forwarded-Proto", "https");
  EXPECT_EQ(Url(), "https://reg.example.com:5000/v2/a/b/blobs/sha256:1");
  request_.fields.Add("X-Forwarded-Host", "ext.example.com:444, inner");
  EXPECT_EQ(Url(), "https://ext.example.com:444/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, ForwardedIsRead) {
  request_.fields.Add("Forwarded", "for=1.2.3.4; Proto=https;host=\"fwd.example.com\", for=5.6.7.8;host=no");
  EXPECT_EQ(Url(), "https://fwd.example.com/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, ForwardedGoesBeforeWhatItReplaced) {
  request_.fields.Add("X-Forwarded-Proto", "http");
  request_.fields.Add("X-Forwarded-Host", "old.example.com");
  request_.fields.Add("Forwarded", "proto=https;host=new.example.com");
  EXPECT_EQ(Url(), "https://new.example.com/v2/a/b/blobs/sha256:1");
  request_.fields.Set("Forwarded", "for=192.0.2.1");
  EXPECT_EQ(Url(), "http://old.example.com/v2/a/b/blobs/sha256:1") << "it says nothing of either";
}

TEST_F(UrlsTest, ThePathOfTheConfiguredHostIsInEveryAddress) {
  EXPECT_EQ(PathAtClient(config_, "/v2/_catalog"), "/v2/_catalog");
  config_.host = "https://fixed.example.com";
  EXPECT_EQ(PathAtClient(config_, "/v2/_catalog"), "/v2/_catalog");
  config_.host = "https://fixed.example.com/sub/path/";
  EXPECT_EQ(PathAtClient(config_, "/v2/_catalog"), "/sub/path/v2/_catalog");
  EXPECT_EQ(Url(), "https://fixed.example.com/sub/path/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, AnybodyElseIsNotBelieved) {
  request_.peer_ip = "192.0.2.1";
  request_.fields.Add("X-Forwarded-Proto", "https");
  request_.fields.Add("X-Forwarded-Host", "evil.example.com");
  request_.fields.Add("X-Forwarded-For", "8.8.8.8");
  EXPECT_EQ(Url(), "http://reg.example.com:5000/v2/a/b/blobs/sha256:1");
  EXPECT_EQ(Client(), "10.1.2.3:4567");
}

TEST_F(UrlsTest, NonsenseFromAProxyIsIgnored) {
  request_.fields.Add("X-Forwarded-Proto", "javascript");
  request_.fields.Add("X-Forwarded-Host", "a b\"<>/path");
  EXPECT_EQ(Url(), "http://reg.example.com:5000/v2/a/b/blobs/sha256:1");
}

TEST_F(UrlsTest, TheUploadStateIsEscaped) {
  EXPECT_EQ(Urls(config_, request_, proxies_).Upload("a", "u", "x=="),
            "http://reg.example.com:5000/v2/a/blobs/uploads/u?_state=x%3D%3D");
}

TEST_F(UrlsTest, TheClientsAddress) {
  EXPECT_EQ(Client(), "10.1.2.3:4567");
  request_.fields.Add("X-Real-Ip", "8.8.4.4");
  EXPECT_EQ(Client(), "8.8.4.4");
  request_.fields.Add("X-Forwarded-For", "unknown, 2001:db8::1, 10.0.0.1");
  EXPECT_EQ(Client(), "2001:db8::1");
}

TEST_F(UrlsTest, AClientCannotClaimAnAddressThroughAProxy) {
  request_.fields.Add("X-Forwarded-For", "8.8.8.8");
  request_.fields.Add("X-Forwarded-For", "9.9.9.9, 203.0.113.5,10.0.0.1");
  EXPECT_EQ(Client(), "203.0.113.5");
}

TEST_F(UrlsTest, PortsAreUnderstood) {
  for (const auto& [said, meant] :
       std::map<std::string, std::string>{{"203.0.113.9:51008", "203.0.113.9"},
                                          {"[2001:db8::1]:443", "2001:db8::1"},
                                          {"[2001:db8::1]", "2001:db8::1"},
                                          {"8.8.8.8, 203.0.113.9:1, 10.0.0.1:2", "203.0.113.9"}}) {
    request_.fields.Set("X-Forwarded-For", said);
    EXPECT_EQ(Client(), meant) << said;
  }
  for (const char* said : {"[2001:db8::1", "203.0.113.9:", ":80", "[]:80", "[203.0.113.9", "a:1"}) {
    request_.fields.Set("X-Forwarded-For", said);
    EXPECT_TRUE(Client() == "10.1.2.3:4567" || Client() == "203.0.113.9" || Client() == "2001:db8::1") << said;
  }
}

TEST_F(UrlsTest, ForwardedTellsTheClientToo) {
  request_.fields.Add("Forwarded", "for=8.8.8.8");
  request_.fields.Add("Forwarded", "for=9.9.9.9;proto=https, for=\"[2001:db8::7]:4711\";by=x,For=10.0.0.1");
  EXPECT_EQ(Client(), "2001:db8::7");
  request_.fields.Set("Forwarded", "for=_hidden");
  EXPECT_EQ(Client(), "10.1.2.3:4567");
  request_.fields.Set("Forwarded", "for=8.8.8.8");
  request_.fields.Add("X-Forwarded-For", "203.0.113.9");
  EXPECT_EQ(Client(), "203.0.113.9") << "a proxy that knows one of them passes the other on";
}

TEST_F(UrlsTest, AnAddressBehindTrustedProxiesAlone) {
  request_.fields.Add("X-Forwarded-For", "10.9.9.9, 10.0.0.1");
  EXPECT_EQ(Client(), "10.9.9.9") << "the outermost";
}

TEST_F(UrlsTest, WhatStandsBeforeNonsenseIsNotBelieved) {
  request_.fields.Add("X-Forwarded-For", "8.8.8.8, unknown, 10.0.0.1");
  EXPECT_EQ(Client(), "10.0.0.1");
  request_.fields = {};
  request_.fields.Add("X-Forwarded-For", "8.8.8.8, unknown");
  EXPECT_EQ(Client(), "10.1.2.3:4567") << "the peer";
}

TEST(TrustedProxies, NetworksOfBothFamilies) {
  const TrustedProxies proxies({"192.168.4.0/22", "fd00::/8", "203.0.113.7", "nonsense", "1.2.3.4/99", "1.2.3.4/x"});
  for (const char* ip : {"192.168.4.1", "192.168.7.255", "fd12::1", "203.0.113.7"}) EXPECT_TRUE(proxies.Contains(ip));
  for (const char* ip : {"192.168.8.0", "192.168.3.255", "fe00::1", "203.0.113.8", "1.2.3.4", "", "x"}) {
    EXPECT_FALSE(proxies.Contains(ip)) << ip;
  }
}

}  // namespace
}  // namespace portcall::registry
