#include "broker/filter.h"

#include <gtest/gtest.h>

namespace portcall::broker {
namespace {

store::Event Make(store::Action action, const std::string& media_type) {
  store::Event event;
  event.action = action;
  event.media_type = media_type;
  return event;
}

TEST(Filter, WantsEverythingByDefault) { EXPECT_TRUE(Filter().Wants(Make(store::Action::kPull, "x"))); }

TEST(Filter, EitherRuleKeepsAnEventOut) {
  config::Endpoint endpoint;
  endpoint.ignore_actions = {"pull"};
  endpoint.ignore_media_types = {"application/octet-stream"};
  const Filter filter(endpoint);
  EXPECT_FALSE(filter.Wants(Make(store::Action::kPull, "application/json")));
  EXPECT_FALSE(filter.Wants(Make(store::Action::kPush, "application/octet-stream")));
  EXPECT_TRUE(filter.Wants(Make(store::Action::kPush, "application/json")));
}

TEST(Filter, ADeleteHasNoMediaType) {
  config::Endpoint endpoint;
  endpoint.ignore_media_types = {"", "application/octet-stream"};
  EXPECT_TRUE(Filter(endpoint).Wants(Make(store::Action::kDelete, "")));
}

TEST(Filter, TheFingerprintDoesNotDependOnTheOrderOfTheLists) {
  config::Endpoint a, b, c;
  a.ignore_media_types = {"x", "y"};
  b.ignore_media_types = {"y", "x"};
  c.ignore_media_types = {"x"};
  EXPECT_EQ(Filter(a).fingerprint(), Filter(b).fingerprint());
  EXPECT_NE(Filter(a).fingerprint(), Filter(c).fingerprint());
}

TEST(Filter, ItsFingerprintMakesItAgain) {
  config::Endpoint entry;
  entry.ignore_actions = {"pull", "mount"};
  entry.ignore_media_types = {"a/b", "c/d"};
  const Filter filter(entry), again(filter.fingerprint());
  EXPECT_EQ(again.fingerprint(), filter.fingerprint());
  for (const store::Action action : {store::Action::kPush, store::Action::kPull, store::Action::kMount}) {
    for (const char* type : {"a/b", "c/d", "e/f"}) {
      store::Event event;
      event.action = action;
      event.media_type = type;
      EXPECT_EQ(again.Wants(event), filter.Wants(event));
    }
  }
}

}  // namespace
}  // namespace portcall::broker
