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

TEST(Redactor, TakesOutATokenThatIsTheUrlsUser) {
  const Redactor redactor({}, UrlOf("http://t0kent0ken@h/"));
  EXPECT_EQ(redactor.Redact("Basic dDBrZW50MGtlbjo=, t0kent0ken", false), "Basic ***, ***") << "the colon is sent, too";
}

TEST(Redactor, TakesOutWhatBasicCredentialsHold) {
  const Redactor redactor({{"Authorization", "Basic dXNlcjpwYXNzdzByZA=="}}, UrlOf("http://h/"));
  EXPECT_EQ(redactor.Redact("user:passw0rd, passw0rd", false), "***, ***");
}

TEST(Redactor, TakesOutSecretsInAnotherCase) {
  const Redactor redactor({{"x-TOKEN", "0123456789abcdef"}, {"AUTHORIZATION", "bearer S3cr3t/T0ken"}},
                          UrlOf("http://h/"));
  EXPECT_EQ(redactor.Redact("0123456789ABCDEF, s3cr3t/t0ken, S3CR3T%2ft0ken.", false), "***, ***, ***.");
}

TEST(Redactor, TakesOutBasicCredentialsHoweverTheyEnd) {
  const Redactor ours({}, UrlOf("http://user:p%3E%3Fw0rd@h/"));
  const Redactor theirs({{"Authorization", "Basic dXNlcjo+Pz4/Cg=="}}, UrlOf("http://h/"));
  for (const char* echoed : {"dXNlcjo+Pz4/Cg==", "dXNlcjo+Pz4/Cg", "dXNlcjo-Pz4_Cg", "dXNlcjo%2BPz4%2FCg%3D%3D"}) {
    EXPECT_EQ(theirs.Redact(echoed, false), "***") << echoed;
  }
  EXPECT_EQ(ours.Redact("dXNlcjpwPj93MHJk", false), "***");
}

TEST(Redactor, TakesOutSecretsThatAreWrittenOtherwise) {
  const Redactor redactor({{"X-Token", "a+b/c&d<e"}}, UrlOf("http://h/"));
  for (const char* echoed : {"a+b/c&d<e", "a%2Bb%2Fc%26d%3Ce", "a%2bb%2fc%26d%3ce", "a+b/c&amp;d&lt;e", "a+b\\/c&d<e",
                             "a+b/c\\u0026d\\u003ce", "a\\u002Bb/c\\u0026d\\u003Ce"}) {
    EXPECT_EQ(redactor.Redact(std::string("you sent ") + echoed + '.', false), "you sent ***.") << echoed;
  }
}

TEST(Redactor, TakesOutSecretsThatJsonEscapes) {
  const Redactor redactor({{"X-Token", "a\"b\\c/d'e"}, {"X-Key", "pässwörd"}}, UrlOf("http://h/"));
  for (const char* echoed : {R"(a\"b\\c/d'e)", R"(a\"b\\c\/d'e)", R"(a\u0022b\\c/d\u0027e)", "a&quot;b\\c/d&#x27;e",
                             "a&#34;b\\c/d&#39;e", "pässwörd", R"(p\u00e4ssw\u00f6rd)"}) {
    EXPECT_EQ(redactor.Redact(std::string("{\"sent\":\"") + echoed + "\"}", false), "{\"sent\":\"***\"}") << echoed;
  }
}

TEST(Redactor, TakesOutSecretsOfWhichSomeCharactersAreEscaped) {
  const Redactor redactor({{"Authorization", "Bearer ab/cd+ef (01)!/234=="}}, UrlOf("http://h/"));
  for (const char* echoed : {
           "ab/cd%2Bef%20%2801%29%21/234%3D%3D",        // Python's quote()
           "ab%2Fcd%2Bef%20(01)!%2F234%3D%3D",          // encodeURIComponent()
           "ab%2Fcd%2Bef+%2801%29%21%2F234%3D%3D",      // a form
           "ab/cd+ef%20(01)!/234==",                    // encodeURI()
           "ab/cd&#43;ef (01)!/234==",                  // Go's html/template
           "ab&#x2F;cd+ef (01)!&#x2F;234&#x3D;&#x3D;",  // mustache
           "ab\\/cd\\u002bef (01)!/234==",
           "ab%252Fcd%252Bef%2520(01)!%252F234%253D%253D",  // twice
           "ab\\\\/cd+ef (01)!\\\\/234==",                  // JSON in JSON
           "ab&#x2F;cd%2Bef%20(01)!/234==",                 // a URL in HTML
       }) {
    EXPECT_EQ(redactor.Redact(std::string("you sent Bearer ") + echoed + '.', false), "you sent ***.") << echoed;
  }
}

TEST(Redactor, TakesOutCharactersOutsideTheFirstPlane) {
  const Redactor redactor({{"X-Token", "key-\xF0\x9F\x94\x91-key"}}, UrlOf("http://h/"));
  for (const char* echoed :
       {"key-\xF0\x9F\x94\x91-key", "key-\\ud83d\\udd11-key", "key-&#128273;-key", "key-%F0%9F%94%91-key"}) {
    EXPECT_EQ(redactor.Redact(std::string("<") + echoed + '>', false), "<***>") << echoed;
  }
}

TEST(Redactor, LeavesWhatLooksLikeAnEscapeAndIsNone) {
  const Redactor redactor({{"X-Token", "s3cr3t"}}, UrlOf("http://h/"));
  for (const char* text :
       {"100% of \\x &c; &#; &#xyz; \\u12", "%", "\\", "&", "\\ud83d alone", "\\ud83d\\u00", "%zz s3cret+"}) {
    EXPECT_EQ(redactor.Redact(text, false), text);
    EXPECT_EQ(redactor.Redact(text, true), text);
  }
}

TEST(Redactor, TakesOutTokensInThePath) {
  const Redactor redactor({}, UrlOf("http://h/services/T024BE7LD/tr%C3%B6t/hook"));
  EXPECT_EQ(redactor.Redact("no route for /services/T024BE7LD/tr%C3%B6t/hook (tröt)", false),
            "no route for /services/***/***/hook (***)");
}

TEST(Redactor, TakesOutTheBeginningOfASecretWhereTheTextWasCut) {
  const Redactor redactor({{"Authorization", "Bearer s3cr3t-t0ken"}}, UrlOf("http://h/"));
  EXPECT_EQ(redactor.Redact("you sent s3cr3t-t0", true), "you sent ***");
  EXPECT_EQ(redactor.Redact("you sent s3cr3t-t0", false), "you sent s3cr3t-t0");
  EXPECT_EQ(redactor.Redact("nothing", true), "nothing");
  const Redactor escaped({{"X-Token", "abcd/efgh"}}, UrlOf("http://h/"));
  for (const char* end : {"abcd%2Fef", "abcd%2", "abcd%", "abcd\\", "abcd\\u00", "abcd&#x2", "abcd&", "abcd%2Fefg%6"}) {
    EXPECT_EQ(escaped.Redact(std::string("you sent ") + end, true), "you sent ***") << end;
  }
  EXPECT_EQ(redactor.Redact("", true), "");
}

TEST(Redactor, ASecretThatBeginsAnotherLeavesNothingOfIt) {
  const Redactor redactor({{"X-Token", "abcd"}, {"X-Key", "abcdefgh"}, {"X-Secret", "ghijkl"}}, UrlOf("http://h/"));
  EXPECT_EQ(redactor.Redact("abcdefghijkl, abcdefgh, abcd.", false), "***, ***, ***.");
}

TEST(Redactor, LeavesWordsAloneThatAreTooShortToBeSecrets) {
  const Redactor redactor({{"X-Token", "a"}}, UrlOf("http://h/?v=1"));
  EXPECT_EQ(redactor.Redact("a banana 1", true), "a banana 1");
  EXPECT_EQ(Redactor({{"X-Token", "four"}}, UrlOf("http://h/")).Redact("you sent four", false), "you sent ***");
}

}  // namespace
}  // namespace portcall::sinks
