#include "store/event.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "store/digest.h"

namespace portcall::store {
namespace {

Details Full() {
  Details d;
  d.url = "https://r.example.com/v2/a/manifests/sha256:1";
  d.from_repository = "library/base";
  d.previous_digest = "sha256:0";
  d.reference_count = 7;
  d.references = {{"application/json", "sha256:2", 12, R"({"os":"linux","architecture":"amd64"})"},
                  {"", "sha256:3", 0, ""}};
  d.request_id = "r1";
  d.request_addr = "[::1]:5000";
  d.request_host = "r.example.com";
  d.request_method = "PUT";
  d.request_useragent = "docker/27 \"quoted\" back\\slash\ttab";
  d.source_addr = "h:5000";
  d.source_instance = "i1";
  d.subject = "sha256:4";
  d.artifact_type = "application/vnd.example.sbom";
  d.peer = "10.0.0.1:40000";
  d.forwarded = "198.51.100.7, 10.0.0.9";
  d.tls_subject = "CN=robot,O=Example";
  d.request_uri = "/v2/a/manifests/v1";
  d.error_code = "UNSUPPORTED";
  d.note = "a line";
  d.status = 405;
  d.count = 5'000'000'000;
  d.actor_verified = true;
  return d;
}

constexpr std::string Details::* kTexts[] = {&Details::url,
                                             &Details::from_repository,
                                             &Details::previous_digest,
                                             &Details::request_id,
                                             &Details::request_addr,
                                             &Details::request_host,
                                             &Details::request_method,
                                             &Details::request_useragent,
                                             &Details::source_addr,
                                             &Details::source_instance,
                                             &Details::subject,
                                             &Details::artifact_type,
                                             &Details::peer,
                                             &Details::forwarded,
                                             &Details::tls_subject,
                                             &Details::request_uri,
                                             &Details::error_code,
                                             &Details::note};

void ExpectSame(const Details& a, const Details& b) {
  for (std::size_t i = 0; i < std::size(kTexts); ++i) EXPECT_EQ(a.*kTexts[i], b.*kTexts[i]) << i;
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.actor_verified, b.actor_verified);
  EXPECT_EQ(a.reference_count, b.reference_count);
  ASSERT_EQ(a.references.size(), b.references.size());
  for (std::size_t i = 0; i < a.references.size(); ++i) {
    EXPECT_EQ(a.references[i].media_type, b.references[i].media_type);
    EXPECT_EQ(a.references[i].digest, b.references[i].digest);
    EXPECT_EQ(a.references[i].size, b.references[i].size);
    EXPECT_EQ(a.references[i].platform, b.references[i].platform);
  }
}

TEST(DetailsTest, ComeBackAsTheyWere) {
  ExpectSame(DecodeDetails(EncodeDetails(Full())), Full());
  Details plain = Full();
  plain.request_useragent = "docker";
  plain.references[0].platform.clear();
  ExpectSame(DecodeDetails(EncodeDetails(plain)), plain);
  ExpectSame(DecodeDetails(EncodeDetails({})), {});
  Details references;
  references.references.resize(1);
  ExpectSame(DecodeDetails(EncodeDetails(references)), references);
}

TEST(DetailsTest, AreOneCompactJsonObject) {
  const std::string text = EncodeDetails(Full());
  const auto json = nlohmann::json::parse(text);
  EXPECT_TRUE(json.is_object());
  EXPECT_EQ(json.at("request_useragent"), Full().request_useragent);
  EXPECT_EQ(json.at("references").size(), 2u);
  EXPECT_EQ(EncodeDetails({}), "{}");
  EXPECT_EQ(json.at("status"), 405);
  EXPECT_EQ(json.at("count"), 5'000'000'000);
  EXPECT_EQ(json.at("actor_verified"), true);
}

TEST(DetailsTest, LeaveOutWhatSaysNothing) {
  Details d;
  d.status = 403;
  EXPECT_EQ(EncodeDetails(d), R"({"status":403})");
  d = {};
  d.count = 1;
  EXPECT_EQ(EncodeDetails(d), R"({"count":1})");
  d = {};
  d.actor_verified = true;
  d.references.resize(1);
  EXPECT_EQ(EncodeDetails(d), R"({"actor_verified":true,"references":[{"size":0}]})");
}

TEST(DetailsTest, TakeNumbersOnlyWhereTheyFit) {
  EXPECT_EQ(DecodeDetails(R"({"status":405})").status, 405);
  EXPECT_EQ(DecodeDetails(R"({"status":4294967701})").status, 0);
  EXPECT_EQ(DecodeDetails(R"({"status":4294967701} )").status, 0);
  EXPECT_EQ(DecodeDetails(R"({"count":9223372036854775807})").count, INT64_MAX);
  EXPECT_EQ(DecodeDetails(R"({"count":9223372036854775808})").count, 0);
  EXPECT_EQ(DecodeDetails(R"({"count":"7"})").count, 0);
  EXPECT_FALSE(DecodeDetails(R"({"actor_verified":1})").actor_verified);
  EXPECT_FALSE(DecodeDetails(R"({"actor_verified":"true"})").actor_verified);
  EXPECT_TRUE(DecodeDetails(R"({ "actor_verified": true })").actor_verified);
}

TEST(DetailsTest, AreUtf8WhateverAClientSends) {
  Details d;
  d.request_useragent = "bad\xff\x01 na\xc3\xafve";
  const std::string text = EncodeDetails(d);
  ASSERT_TRUE(nlohmann::json::accept(text)) << text;
  EXPECT_EQ(DecodeDetails(text).request_useragent, "bad\xef\xbf\xbd\x01 na\xc3\xafve");
}

TEST(DetailsTest, ReadForeignShapes) {
  const Details d = DecodeDetails(
      R"( { "url" : "u", "new": [1, {"a": null}], "source_addr": 7, "request_id": "r",
            "references": [ {"digest": "sha256:1", "size": 5, "extra": true}, 3 ] } )");
  EXPECT_EQ(d.url, "u");
  EXPECT_EQ(d.request_id, "r");
  EXPECT_EQ(d.source_addr, "");
  ASSERT_EQ(d.references.size(), 1u);
  EXPECT_EQ(d.references[0].size, 5);
  EXPECT_EQ(DecodeDetails(R"({"new":"x","url":"u"})").url, "u");
}

TEST(DetailsTest, OfNoJsonAreEmpty) {
  for (const char* text : {"", "{", "[]", "null", "{\"url\":\"u\"", "{\"url\":\"u\"}x", "nonsense"}) {
    ExpectSame(DecodeDetails(text), {});
  }
}

// The space makes the text one that only the general decoder reads.
void ExpectBothDecodersAgree(const std::string& text) {
  SCOPED_TRACE(::testing::PrintToString(text));
  ExpectSame(DecodeDetails(text), DecodeDetails(text + " "));
}

class Dice {
 public:
  std::size_t Throw(std::size_t sides) { return engine_() % sides; }
  bool Rarely() { return Throw(8) == 0; }

  std::string Text() {
    static constexpr std::string_view kPieces[] = {"a",
                                                   "docker/27 ",
                                                   "\"",
                                                   "\\",
                                                   "\\\"",
                                                   "\n",
                                                   "\x01",
                                                   "\x7f",
                                                   "/",
                                                   "\xc3\xaf",
                                                   "😀",
                                                   "\\u",
                                                   "\"url\":\"x\"",
                                                   std::string_view("\0", 1),
                                                   "}],{[:,"};
    std::string text;
    for (std::size_t left = Throw(6); left > 0; --left) text += Rarely() ? std::string(40, 'x') : kPieces[Throw(15)];
    return text;
  }

  Details Some() {
    Details d;
    for (const auto text : kTexts) d.*text = Text();
    if (Rarely()) d.status = static_cast<int>(engine_()) >> Throw(32);
    if (Rarely()) d.count = static_cast<std::int64_t>(engine_()) >> Throw(64);
    d.actor_verified = Rarely();
    for (std::size_t left = Throw(4); left > 0; --left) {
      d.references.push_back({Text(), Text(), static_cast<std::int64_t>(engine_()) >> Throw(64),
                              Rarely() ? R"({"os":"linux","architecture":"amd64"})" : Text()});
    }
    return d;
  }

 private:
  std::mt19937_64 engine_{20};
};

TEST(DetailsTest, OfAllKindsComeBackFromBothDecoders) {
  Dice dice;
  for (int i = 0; i < 500; ++i) {
    const Details details = dice.Some();
    const std::string text = EncodeDetails(details);
    ASSERT_TRUE(nlohmann::json::accept(text)) << text;
    ExpectSame(DecodeDetails(text), details);
    ExpectBothDecodersAgree(text);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(DetailsTest, OfDamagedTextAreTheSameFromBothDecoders) {
  Dice dice;
  const std::string whole = EncodeDetails(Full());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ExpectSame(DecodeDetails(whole.substr(0, size)), {});
    for (const char c : {'"', '\\', ',', '0', '}', '\xff', '\0'}) {
      std::string text = whole;
      text[size] = c;
      ExpectBothDecodersAgree(text);
    }
  }
  for (int i = 0; i < 2000; ++i) {
    std::string text = EncodeDetails(dice.Some());
    for (std::size_t left = 1 + dice.Throw(3); left > 0; --left) {
      text[dice.Throw(text.size())] = static_cast<char>(dice.Throw(256));
    }
    ExpectBothDecodersAgree(text);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(DetailsTest, OfUnusualTextAreTheSameFromBothDecoders) {
  for (const char* text : {R"({"url":"a","url":"b"})",
                           R"({"url":"a","url":1})",
                           R"({"ur\u006c":"a"})",
                           R"({"url":"\u0041\/\b"})",
                           R"({"url":"\ud83d\ude00"})",
                           R"({"url":"\ud83d"})",
                           R"({"url":"\x"})",
                           R"({"url":"a\"})",
                           R"({"url":"a\\"})",
                           R"({"url":"a\\\"})",
                           R"({"status":405,"count":-1,"actor_verified":false})",
                           R"({"status":"405","count":null,"actor_verified":0})",
                           R"({"status":1,"status":2})",
                           R"({"status":1,"status":"x"})",
                           R"({"status":4294967701})",
                           R"({"status":-4294967701})",
                           R"({"status":405.0})",
                           R"({"count":1e2,"url":"a"})",
                           R"({"count":9223372036854775808,"url":"a"})",
                           R"({"count":18446744073709551616,"url":"a"})",
                           R"({"count":00})",
                           R"({"actor_verified":truex})",
                           R"({"actor_verified":tru})",
                           R"({"actor_verified":true,"actor_verified":false})",
                           R"({"actor_verified":True})",
                           R"({"references":[]})",
                           R"({"references":[{}]})",
                           R"({"references":[{"size":-0}]})",
                           R"({"references":[{"size":01}]})",
                           R"({"references":[{"size":-01}]})",
                           R"({"references":[{"size":1.5}]})",
                           R"({"references":[{"size":1e3}]})",
                           R"({"references":[{"size":-}]})",
                           R"({"references":[{"size":+1}]})",
                           R"({"references":[{"size":9223372036854775807}]})",
                           R"({"references":[{"size":-9223372036854775808}]})",
                           R"({"references":[{"size":9223372036854775808}]})",
                           R"({"references":[{"size":1},]})",
                           R"({"references":[{"digest":"a"}],"references":[{"digest":"b"}]})",
                           R"({"references":[{"digest":"a"}],"url":1})",
                           R"({"url":"a",})",
                           R"({"url"})",
                           R"({,})",
                           R"({"":"","url":"a"})",
                           "{\"url\":\"\xc3\"}",
                           "{\"url\":\"\n\"}"}) {
    ExpectBothDecodersAgree(text);
  }
}

TEST(DetailsTest, OfDockersUserAgentComeBack) {
  Details d;
  d.request_useragent = R"(docker/27.3.1 os/linux UpstreamClient(Docker-Client/27.3.1 \(linux\)))";
  EXPECT_EQ(EncodeDetails(d), "{\"request_useragent\":" + nlohmann::json(d.request_useragent).dump() + "}");
  ExpectSame(DecodeDetails(EncodeDetails(d)), d);
}

TEST(EventNamesTest, GoBothWays) {
  for (std::size_t i = 0; i < kActions; ++i) {
    EXPECT_EQ(ActionOf(NameOf(static_cast<Action>(i))), static_cast<Action>(i));
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(KindOf(NameOf(static_cast<Kind>(i))), static_cast<Kind>(i));
  EXPECT_EQ(NameOf(Action::kRefused), "refused");
  EXPECT_EQ(NameOf(Kind::kSystem), "system");
  EXPECT_EQ(NameOf(Action::kMount), "mount");
  EXPECT_EQ(NameOf(Kind::kTag), "tag");
  EXPECT_FALSE(ActionOf("Push"));
  EXPECT_FALSE(KindOf(""));
}

TEST(DigestTest, TakesTheTwoAlgorithmsInLowerCase) {
  const std::string sha256 = "sha256:" + std::string(64, 'a');
  const std::string sha512 = "sha512:" + std::string(128, '0');
  ASSERT_TRUE(Digest::Parse(sha256));
  EXPECT_EQ(Digest::Parse(sha256)->algorithm(), "sha256");
  EXPECT_EQ(Digest::Parse(sha256)->hex(), std::string(64, 'a'));
  EXPECT_EQ(Digest::Parse(sha512)->text(), sha512);
  for (const std::string& bad :
       {std::string(), std::string("sha256:"), sha256 + "a", sha256.substr(0, 70), "sha256:" + std::string(64, 'A'),
        "sha256:" + std::string(64, 'g'), "sha384:" + std::string(96, 'a'), "sha512:" + std::string(64, 'a'),
        "sha256-" + std::string(64, 'a')}) {
    EXPECT_FALSE(Digest::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace portcall::store
