#include "registry/http/upload_state.h"

#include <gtest/gtest.h>

#include "runtime/bytes.h"

namespace portcall::registry {
namespace {

const UploadState kState("probe/one", "0b872476-96e0-4f47-ba33-e1187ace6623", 5, "2026-11-20T16:13:01Z");

TEST(UploadState, ComesBackAsItWasSealed) {
  const auto state = OpenUploadState("secret", SealUploadState("secret", kState));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->name, kState.name);
  EXPECT_EQ(state->uuid, kState.uuid);
  EXPECT_EQ(state->offset, 5u);
  EXPECT_EQ(state->started_at, kState.started_at);
}

TEST(UploadState, HasDistributionsForm) {
  std::string sealed;
  ASSERT_TRUE(runtime::Base64UrlDecode(SealUploadState("secret", kState), sealed));
  const std::string json =
      R"({"Name":"probe/one","UUID":"0b872476-96e0-4f47-ba33-e1187ace6623","Offset":5,"StartedAt":"2026-11-20T16:13:01Z"})";
  EXPECT_EQ(sealed, runtime::HmacSha256("secret", json) + json);
}

TEST(UploadState, AnotherSecretOrAChangedByteIsRefused) {
  const std::string token = SealUploadState("secret", kState);
  EXPECT_FALSE(OpenUploadState("other", token));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(OpenUploadState("secret", changed)) << i;
  }
}

TEST(UploadState, WhatIsNoTokenIsRefused) {
  for (const char* token : {"", "x", "!!!!", "AAAA"}) EXPECT_FALSE(OpenUploadState("secret", token));
  EXPECT_FALSE(OpenUploadState("secret", std::string(100'000, 'A')));
  for (const std::string json : {"", "[]", "{}", R"({"Name":1,"UUID":"x","Offset":0})", R"({"Name":"a","UUID":"x"})",
                                 R"({"Name":"a","UUID":"x","Offset":-1})"}) {
    EXPECT_FALSE(OpenUploadState("secret", runtime::Base64Url(runtime::HmacSha256("secret", json) + json))) << json;
  }
}

}  // namespace
}  // namespace portcall::registry
