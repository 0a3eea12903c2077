#include "store/endpoints.h"

#include "tests/store/contract/engine.h"

namespace portcall::store {
namespace {

class EndpointsTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }
};

TEST_P(EndpointsTest, RemembersAnEndpoint) {
  EXPECT_FALSE(Read([](Snapshot& s) { return FindEndpoint(s, "ci"); }));
  Write([](Tx& tx) { PutEndpoint(tx, {"ci", true, "410 Gone", "f1"}); });
  auto state = Read([](Snapshot& s) { return FindEndpoint(s, "ci"); });
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->paused);
  EXPECT_EQ(state->reason, "410 Gone");
  EXPECT_EQ(state->fingerprint, "f1");
  Write([](Tx& tx) { PutEndpoint(tx, {"ci", false, "", ""}); });
  EXPECT_FALSE(Read([](Snapshot& s) { return FindEndpoint(s, "ci"); })->paused);
}

TEST_P(EndpointsTest, RemembersWhoPausedItAndSinceWhen) {
  const EndpointState by_operator{"ci", true, "mine", "f1", true, 42}, itself{"ci", true, "gone", "f1", false, 43};
  for (const EndpointState& state : {by_operator, itself}) {
    Write([&](Tx& tx) { PutEndpoint(tx, state); });
    EXPECT_EQ(Read([](Snapshot& s) { return FindEndpoint(s, "ci"); }), state);
  }
}

FOR_EVERY_ENGINE(EndpointsTest);

}  // namespace
}  // namespace portcall::store
