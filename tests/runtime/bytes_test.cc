#include "runtime/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

namespace portcall::runtime {
namespace {

std::string Key(const std::string& raw) {
  return Hex({reinterpret_cast<const unsigned char*>(raw.data()), raw.size()});
}

TEST(BytesTest, HexIsLowerCase) {
  const unsigned char bytes[] = {0x00, 0x1f, 0xab, 0xff};
  EXPECT_EQ(Hex(bytes), "001fabff");
  EXPECT_EQ(Hex({}), "");
}

// RFC 4648 §10.
TEST(BytesTest, Base64OfTheRfcsVectors) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(Base64Url("\xfb\xff\xfe"), "-__-");
}

TEST(BytesTest, Base64UrlComesBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  for (std::size_t size = 0; size <= all.size(); ++size) {
    std::string decoded;
    ASSERT_TRUE(Base64UrlDecode(Base64Url(all.substr(0, size)), decoded));
    ASSERT_EQ(decoded, all.substr(0, size));
  }
}

TEST(BytesTest, Base64UrlRefusesWhatIsNotItsOwn) {
  std::string decoded;
  for (const char* text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9+", "Zm9/", "Zh==", "Zm9=", "Zm 9", "Zm9v\n"}) {
    EXPECT_FALSE(Base64UrlDecode(text, decoded)) << text;
  }
}

TEST(BytesTest, Base64ComesBackAndRefusesWhatIsNotItsOwn) {
  std::string decoded;
  ASSERT_TRUE(Base64Decode("+//+", decoded));
  EXPECT_EQ(decoded, "\xfb\xff\xfe");
  ASSERT_TRUE(Base64Decode("", decoded));
  EXPECT_EQ(decoded, "");
  for (const char* text : {"-__-", "Zg", "Zg=", "Zg==\n", " Zg==", "Zh==", "Zm9=", "Z===", "====", "="}) {
    EXPECT_FALSE(Base64Decode(text, decoded)) << text;
  }
}

// RFC 4231 §4.2, §4.3, and a key longer than a block (§4.7).
TEST(BytesTest, HmacOfTheRfcsVectors) {
  EXPECT_EQ(Key(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Key(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Key(HmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(BytesTest, AnEmptyHmacKeyIsNotTheKeyBefore) {
  HmacSha256("Jefe", "x");
  EXPECT_EQ(Key(HmacSha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(BytesTest, EqualInConstantTimeComparesEverything) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abcd"));
}

TEST(BytesTest, HashesKnownText) {
  EXPECT_EQ(HashHex("sha256", "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HashHex("sha256", ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HashHex("sha512", "abc").substr(0, 32), "ddaf35a193617abacc417349ae204131");
  EXPECT_THROW(Hasher("md5"), std::invalid_argument);
}

TEST(BytesTest, AHashInPiecesIsTheHashOfTheWhole) {
  Hasher hasher("sha256");
  hasher.Update("a");
  Hasher moved = std::move(hasher);
  moved.Update("");
  moved.Update("bc");
  EXPECT_EQ(moved.HexDigest(), HashHex("sha256", "abc"));
}

TEST(BytesTest, UuidsHaveTheirVersionAndVariant) {
  for (int i = 0; i < 1000; ++i) {
    const std::string v4 = UuidV4();
    const std::string v7 = UuidV7();
    ASSERT_TRUE(IsUuid(v4)) << v4;
    ASSERT_TRUE(IsUuid(v7)) << v7;
    ASSERT_EQ(v4[14], '4');
    ASSERT_EQ(v7[14], '7');
    ASSERT_NE(std::string("89ab").find(v4[19]), std::string::npos);
    ASSERT_NE(std::string("89ab").find(v7[19]), std::string::npos);
  }
}

TEST(BytesTest, UuidV7CarriesTheTime) {
  const auto millis = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const auto before = millis();
  const std::string id = UuidV7();
  const auto shown = std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16);
  EXPECT_GE(shown, before);
  EXPECT_LE(shown, millis() + 1);
}

TEST(BytesTest, UuidV7MillisReadsWhatUuidV7Wrote) {
  EXPECT_EQ(UuidV7Millis("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), 1'645'557'742'000);  // RFC 9562 appendix A.6
  EXPECT_EQ(UuidV7Millis("00000000-0000-7000-8000-000000000000"), 0);
  for (const char* text : {"", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                           "ffffffff-ffff-7cc3-98c4-dc0c0c07398f"}) {
    EXPECT_FALSE(UuidV7Millis(text)) << text;
  }
}

TEST(BytesTest, UuidV7NeverGoesBackAndNeverRepeatsAcrossThreads) {
  constexpr int kThreads = 4, kEach = 20'000;
  std::vector<std::vector<std::string>> made(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : made) {
      threads.emplace_back([&mine] {
        for (int i = 0; i < kEach; ++i) mine.push_back(UuidV7());
      });
    }
  }
  std::set<std::string> all;
  for (const auto& mine : made) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    for (const std::string& id : mine) all.insert(id.substr(0, 18));  // the part that orders them
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads) * kEach);
}

TEST(BytesTest, IsUuidLooksAtEveryCharacter) {
  EXPECT_TRUE(IsUuid("00000000-0000-0000-0000-000000000000"));
  EXPECT_TRUE(IsUuid("ED33ECC4-555c-436d-8e6c-564dc7a58414"));
  for (const char* text : {"", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
                           "0000000000000-0000-0000-000000000000", "g0000000-0000-0000-0000-000000000000",
                           "../00000-0000-0000-0000-000000000000"}) {
    EXPECT_FALSE(IsUuid(text)) << text;
  }
}

}  // namespace
}  // namespace portcall::runtime
