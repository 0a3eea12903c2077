#include "sinks/http/redactor.h"

#include <gtest/gtest.h>

namespace portcall::sinks {
namespace {

http::Url UrlOf(const std::string& text) {
  auto url = http::ParseUrl(text);
  EXPECT_TRUE(url) << text;
  return url ? *url : http::Url{};
}

TEST(Redactor, TakesOutCredentialsOfHeaders) {
  const Redactor redactor({{"Authorization", "Bearer s3cr3t-t0ken"}, {"X-Api-Key", "k-12345"}, {"X-Team", "builders"}},
                          UrlOf("http://h/"));
  EXPECT_EQ(redactor.Redact("got 'Bearer s3cr3t-t0ken', k-12345 of builders", false), "got '***', *** of builders");
  EXPECT_EQ(redactor.Redact("token s3cr3t-t0ken is wrong", false), "token *** is wrong");
}

TEST(Redactor, TakesOutCredentialsOfTheUrl) {
  const Redactor redactor({}, UrlOf("http://user:passw0rd@h/hook?token=abcdef%2Fgh&x=1"));
  EXPECT_EQ(redactor.Redact("user:passw0rd passw0rd dXNlcjpwYXNzdzByZA== abcdef%2Fgh abcdef/gh x=1", false),
            "*** *** *** *** *** x=1");
}

TEST(Redactor, TakesOutTheBeginningOfASecretWhereTheTextWasCut) {
  const Redactor redactor({{"Authorization", "Bearer s3cr3t-t0ken"}}, UrlOf("http://h/"));
  EXPECT_EQ(redactor.Redact("you sent s3cr3t-t0", true), "you sent ***");
  EXPECT_EQ(redactor.Redact("you sent s3cr3t-t0", false), "you sent s3cr3t-t0");
  EXPECT_EQ(redactor.Redact("nothing", true), "nothing");
  EXPECT_EQ(redactor.Redact("", true), "");
}

TEST(Redactor, LeavesWordsAloneThatAreTooShortToBeSecrets) {
  const Redactor redactor({{"X-Token", "a"}}, UrlOf("http://h/?v=1"));
  EXPECT_EQ(redactor.Redact("a banana 1", true), "a banana 1");
}

}  // namespace
}  // namespace portcall::sinks
