#include "runtime/http/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(UrlTest, TakesAnAbsoluteUrlApart) {
  const Result<Url> url = ParseUrl("https://Hooks.Example.com:8443/a/b%20c?x=1&y=%2F#part");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "hooks.example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/a/b%20c?x=1&y=%2F");
  EXPECT_TRUE(url->tls());
  EXPECT_EQ(url->host_header(), "hooks.example.com:8443");
}

TEST(UrlTest, FillsInWhatIsLeftOut) {
  const Result<Url> url = ParseUrl("http://example.com");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->port, 80);
  EXPECT_EQ(url->target, "/");
  EXPECT_EQ(url->host_header(), "example.com");
  EXPECT_EQ(ParseUrl("https://example.com?q")->target, "/?q");
  EXPECT_EQ(ParseUrl("https://example.com:443/")->host_header(), "example.com");
  EXPECT_EQ(ParseUrl("HTTP://example.com:443/")->host_header(), "example.com:443");
  EXPECT_EQ(ParseUrl("http://example.com:/")->port, 80);
}

TEST(UrlTest, AddressesOfVersion6StandInBrackets) {
  const Result<Url> url = ParseUrl("http://[::1]:5000/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->host_header(), "[::1]:5000");
  EXPECT_EQ(url->Shown(), "http://[::1]:5000/x");
}

TEST(UrlTest, LinkLocalAddressesHaveAZone) {
  for (const char* text : {"http://[fe80::1%25eth0]:5000/x?y=z%20", "http://u@[fe80::1%eth0]:5000/x?y=z%20"}) {
    const Result<Url> url = ParseUrl(text);
    ASSERT_TRUE(url) << url.error().detail;
    EXPECT_EQ(url->host, "fe80::1%eth0");
    EXPECT_EQ(url->host_header(), "[fe80::1]:5000") << "the zone is ours alone (RFC 6874 §4)";
    EXPECT_EQ(url->target, "/x?y=z%20");
  }
  EXPECT_FALSE(ParseUrl("http://[fe80::1%25a%0d%0ab]/"));
  EXPECT_FALSE(ParseUrl("http://[fe80::1%25]x/"));
  EXPECT_EQ(ParseUrl("http://[::1]/a%20b")->target, "/a%20b");
}

TEST(UrlTest, NeverShowsSecrets) {
  const Result<Url> url = ParseUrl("https://user:p%40ss@example.com/hook?token=secret");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->userinfo, "user:p@ss");
  EXPECT_EQ(url->Shown(), "https://example.com/hook");
  EXPECT_EQ(url->target, "/hook?token=secret");
}

TEST(UrlTest, TokensInAPathAreNotShown) {
  const auto shown = [](const std::string& path) { return ParseUrl("https://h" + path)->Shown(); };
  EXPECT_EQ(shown(""), "https://h/");
  EXPECT_EQ(shown("/api/webhook"), "https://h/api/webhook");
  EXPECT_EQ(shown("/v1/webhooks/native/"), "https://h/v1/webhooks/native/");
  EXPECT_EQ(shown("/generic-webhook-trigger/invoke"), "https://h/…") << "longer than a word is";
  EXPECT_EQ(shown("/hook/bed6d00b5555b1603e1f59b94d7fdbca58089cb5663633fb83f2815dc626d92b"), "https://h/hook/…");
  EXPECT_EQ(shown("/api/build/v1/source/3bd1c3a0-1a0b/trigger/99/call/"), "https://h/api/build/v1/source/…");
  EXPECT_EQ(shown("/services/T0/B0/XXXXabcd"), "https://h/services/…");
  EXPECT_EQ(shown("/hooks/x%20y"), "https://h/hooks/…");
}

TEST(UrlTest, ShowsATextWithoutItsSecrets) {
  EXPECT_EQ(ShownUrl("https://user:p@ss@Example.com:443/hook?token=secret"), "https://Example.com:443/hook");
  EXPECT_EQ(ShownUrl("https://token@example.com#part"), "https://example.com");
  EXPECT_EQ(ShownUrl("https://example.com/a@b"), "https://example.com/a@b");
  EXPECT_EQ(ShownUrl("kafka://broker:9092,other:9092/topic"), "kafka://broker:9092,other:9092/topic");
  EXPECT_EQ(ShownUrl("/var/log/audit"), "/var/log/audit");
  EXPECT_EQ(ShownUrl("/var/log/a@b"), "/var/log/a@b");
  EXPECT_EQ(ShownUrl("user:secret@proxy:3128"), "proxy:3128");
  EXPECT_EQ(ShownUrl("//user:secret@proxy:3128"), "proxy:3128");
}

struct Wrong {
  const char* text;
  const char* reason;
};

TEST(UrlTest, SaysWhatIsWrong) {
  for (const auto& [text, reason] :
       {Wrong{"", "absolute"}, Wrong{"example.com/x", "absolute"}, Wrong{"/x", "absolute"},
        Wrong{"ftp://example.com/", "scheme"}, Wrong{"http:///x", "host"}, Wrong{"http://example.com:0/", "port"},
        Wrong{"http://example.com:70000/", "port"}, Wrong{"http://h:99999/", "port"}, Wrong{"http://h:x/", "port"},
        Wrong{"http://a%0d%0aX:1/", "host"}, Wrong{"http://exam ple.com/", "absolute"},
        Wrong{"http://example.com/\r\nX: 1", "absolute"}}) {
    const Result<Url> url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::kInvalid);
    EXPECT_THAT(url.error().detail, HasSubstr(reason)) << text;
  }
}

TEST(UrlTest, ErrorsHoldNoPassword) {
  const Result<Url> url = ParseUrl("ftp://user:secret@example.com/");
  ASSERT_FALSE(url);
  EXPECT_THAT(url.error().detail, Not(HasSubstr("secret")));
}

TEST(UrlTest, PercentEncodingComesBack) {
  EXPECT_EQ(PercentEncode("a/b c~_-.\xc3\xa9"), "a%2Fb%20c~_-.%C3%A9");
  EXPECT_EQ(PercentDecode("a%2fb%20c+%C3%A9"), "a/b c+\xc3\xa9");
  EXPECT_EQ(PercentDecode("100%, %zz %4"), "100%, %zz %4");
  EXPECT_EQ(PercentDecode("%41%zz"), "%41%zz");
  EXPECT_EQ(PercentDecode("\xc3\xa9 <%00>"), std::string("\xc3\xa9 <\0>", 6));
}

TEST(UrlTest, QueryParametersAreDecoded) {
  std::string value;
  EXPECT_TRUE(QueryValue("a=1&scope=repository%3Ax%3Apull+push&scope=2&flag", "scope", value));
  EXPECT_EQ(value, "repository:x:pull push");
  EXPECT_TRUE(QueryValue("a=1&flag", "flag", value));
  EXPECT_EQ(value, "");
  EXPECT_FALSE(QueryValue("a=1&flag", "fla", value));
  EXPECT_FALSE(QueryValue("", "a", value));
  EXPECT_THAT(QueryValues("s=1&t=x&s=&s=a%3Db", "s"), ElementsAre("1", "", "a=b"));
  EXPECT_THAT(QueryValues("s=1", "t"), IsEmpty());
}

}  // namespace
}  // namespace portcall::http
