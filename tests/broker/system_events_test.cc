#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/endpoint/lifecycle.h"
#include "broker/retention.h"
#include "store/event_log.h"
#include "tests/broker/broker_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/kinds.h"
#include "tests/support/loop_runner.h"

namespace portcall::broker {
namespace {

class SystemEvents : public ::testing::Test {
 protected:
  SystemEvents() {
    audit_ = world_.Entry("audit");
    audit_.kind = testing::EndpointOf("audit").kind;
    audit_.place = "/var/log/registry";
    ci_ = world_.Entry("ci");
    ci_.url = "https://user:secret@ci.example.com/hook?token=hidden";
  }
  void Open(std::vector<config::Endpoint> endpoints) {
    config::Config config;
    config.endpoints = std::move(endpoints);
    ASSERT_TRUE(OpenEndpoints(world_.store(), config));
  }
  // The notes of what was appended since the last call.
  std::vector<std::string> Notes(store::Action action = store::Action::kEndpoint) {
    std::vector<std::string> notes;
    const auto events = world_.store().ReadNow([this](store::Snapshot& s) -> Result<std::vector<store::EventPtr>> {
      return store::ReadEvents(s, seen_, store::Head(s), {100}).events;
    });
    for (const auto& event : *events) {
      seen_ = event->seq;
      EXPECT_EQ(event->action, action);
      EXPECT_EQ(event->kind, store::Kind::kSystem);
      notes.push_back(store::DecodeDetails(event->details).note);
    }
    return notes;
  }

  testing::LoopRunner runner_;  // outlives the store, whose threads wake callers on it
  World world_;
  config::Endpoint audit_, ci_;
  store::Seq seen_ = 0;
};

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(SystemEvents, EndpointsThatComeChangeAndGoAreRecordedForTheAuditLog) {
  Open({audit_, ci_});
  EXPECT_THAT(Notes(),
              ElementsAre(HasSubstr("endpoint audit (audit, /var/log/registry) added"),
                          ::testing::AllOf(HasSubstr("endpoint ci (webhook, https://ci.example.com/hook"),
                                           HasSubstr("added"), Not(HasSubstr("secret")), Not(HasSubstr("hidden")))));
  Open({audit_, ci_});
  EXPECT_THAT(Notes(), IsEmpty());
  ci_.threshold = 3;
  ci_.fingerprint = "changed";
  Open({audit_, ci_});
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("endpoint ci (webhook, https://ci.example.com/hook) changed")));
  ci_.name = "builds";
  ci_.was = "ci";
  Open({audit_, ci_});
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("took over from ci")));
  Open({audit_});
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("endpoint builds removed or disabled, with 0 events pending")));
}

TEST_F(SystemEvents, WithoutAnAuditLogNothingIsRecorded) {
  Open({ci_});
  ci_.threshold = 3;
  ci_.fingerprint = "changed";
  Open({ci_});
  Open({});
  EXPECT_THAT(Notes(), IsEmpty());
}

TEST_F(SystemEvents, DroppedDeadLettersAreRecorded) {
  constexpr std::int64_t kDay = 24ll * 3'600 * kSecond;
  Open({audit_, ci_});
  EXPECT_THAT(Notes(), ::testing::SizeIs(2));
  testing::FakeClock clock;
  const std::int64_t now = clock.Now().time_since_epoch().count();
  const auto put = world_.store().WriteNow([now](store::Tx& tx) {
    store::Settlement settlement;
    settlement.number = 1;
    settlement.cursor = 2;
    store::DeadLetter dead;
    dead.endpoint = "ci";
    dead.died_at = now - 31 * kDay;
    settlement.dead.push_back(dead);
    return store::Settle(tx, settlement);
  });
  ASSERT_TRUE(put);
  runtime::Log log({runtime::Level::kFatal, "text", {}});
  const auto expire = [](store::Seq) -> Task<> { co_return; };
  Retention retention(world_.store(), log, clock, {expire, expire, [](const std::string&, std::size_t) {}});
  config::Config config;
  config.endpoints = {audit_};
  retention.Configure(config);
  const bool never = false;
  runner_.Run(retention.Sweep(never));
  EXPECT_THAT(Notes(store::Action::kDrop), ElementsAre(HasSubstr("1 dead letters dropped")));
}

}  // namespace
}  // namespace portcall::broker
