#include "registry/model/reference.h"

#include <gtest/gtest.h>

#include <string>

namespace portcall::registry {
namespace {

TEST(Reference, NamesFollowTheGrammar) {
  for (const char* name : {"a", "library/ubuntu", "x--y/z", "a.b/c_d/e__f", "0/1", "manifests/blobs/uploads"}) {
    EXPECT_TRUE(IsRepositoryName(name)) << name;
  }
  for (const char* name :
       {"", "/", "a/", "/a", "a//b", "A", "_x", "x-", "x___y", "a..b", "a._b", "a b", "a/../b", "é"}) {
    EXPECT_FALSE(IsRepositoryName(name)) << name;
  }
}

TEST(Reference, TagsFollowTheGrammar) {
  for (const char* tag : {"v1", "_x", "1.2.3-rc_4", "LATEST"}) EXPECT_TRUE(IsTag(tag)) << tag;
  for (const char* tag : {"", ".bad", "-x", "a:b", "a/b", "a b"}) EXPECT_FALSE(IsTag(tag)) << tag;
  EXPECT_TRUE(IsTag(std::string(128, 'a')));
  EXPECT_FALSE(IsTag(std::string(129, 'a')));
}

TEST(Reference, AnythingWithAColonInsideLooksLikeADigest) {
  for (const char* text : {"sha256:zzz", "sha256:baddigeststring", "a+b.c:d=="}) EXPECT_TRUE(LooksLikeDigest(text));
  for (const char* text : {"", ":", "sha256:", ":abc", "latest", "a/b:c"}) EXPECT_FALSE(LooksLikeDigest(text)) << text;
}

TEST(Reference, IsATagOrADigestOrMalformed) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const Reference tag = Reference::Parse("v1"), by_digest = Reference::Parse(digest);
  EXPECT_TRUE(tag.is_tag());
  EXPECT_EQ(tag.tag(), "v1");
  EXPECT_EQ(tag.algorithm(), "sha256");
  EXPECT_TRUE(by_digest.is_digest());
  EXPECT_EQ(by_digest.tag(), "");
  EXPECT_EQ(by_digest.text(), digest);
  EXPECT_EQ(by_digest, Reference::Parse(digest));
  EXPECT_NE(by_digest, tag);
  EXPECT_EQ(Reference::Parse("sha512:" + std::string(128, 'b')).algorithm(), "sha512");
  for (const std::string text : {"sha256:zz", "md5:aa", "", ".bad", "a b"}) {
    const Reference bad = Reference::Parse(text);
    EXPECT_TRUE(bad.malformed()) << text;
    EXPECT_EQ(bad.text(), text);
    EXPECT_EQ(bad.tag(), "");
  }
}

}  // namespace
}  // namespace portcall::registry
