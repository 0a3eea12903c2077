#include "registry/request/reference.h"

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

}  // namespace
}  // namespace portcall::registry
