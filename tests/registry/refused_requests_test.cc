#include <gmock/gmock.h>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

// What a registry that records refusals puts into its log.
class RefusedRequestsTest : public ServiceTest {
 protected:
  RefusedRequestsTest() {
    config_.audit.refused = true;
    config_.storage.read_only = true;
    Reconfigure();
  }

  // The events that these requests left behind.
  std::vector<store::EventPtr> After(const std::vector<Ask>& asks) {
    const store::Seq head = Head();
    for (const Ask& ask : asks) statuses_.push_back(Send(ask).status);
    Restart();  // what is queued gets written
    return EventsAfter(head);
  }

  std::vector<int> statuses_;
};

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST_F(RefusedRequestsTest, AreEventsOfWhatTheRouteNames) {
  struct Row {
    const char* method;
    std::string target;
    store::Kind kind;
    std::string repository, tag, digest;
  };
  const std::string long_name(300, 'n');
  for (const Row& row :
       {Row{"PUT", "/v2/a/b/manifests/v1", store::Kind::kTag, "a/b", "v1", ""},
        Row{"DELETE", "/v2/a/manifests/" + kDigest, store::Kind::kManifest, "a", "", kDigest},
        Row{"DELETE", "/v2/a/tags/reference/v1", store::Kind::kTag, "a", "v1", ""},
        Row{"DELETE", "/v2/a/blobs/" + kDigest, store::Kind::kBlob, "a", "", kDigest},
        Row{"POST", "/v2/a/blobs/uploads/?digest=" + kDigest, store::Kind::kBlob, "a", "", ""},
        Row{"PATCH", "/v2/a/blobs/uploads/some-id", store::Kind::kBlob, "a", "", ""},
        Row{"PUT", "/v2/a/blobs/uploads/" + kDigest, store::Kind::kBlob, "a", "", ""},
        Row{"POST", "/v2/a/tags/list", store::Kind::kRepository, "a", "", ""},
        Row{"HEAD", "/v2/a/referrers/" + kDigest, store::Kind::kManifest, "a", "", kDigest},
        Row{"DELETE", "/v2/_catalog", store::Kind::kSystem, "", "", ""},
        Row{"PUT", "/v2/" + long_name + "/manifests/v1", store::Kind::kTag, long_name.substr(0, 255), "v1", ""}}) {
    SCOPED_TRACE(std::string(row.method) + " " + row.target);
    const auto events = After({{row.method, row.target}});
    EXPECT_EQ(statuses_.back(), 405);
    ASSERT_EQ(events.size(), 1u);
    const store::Event& event = *events[0];
    EXPECT_EQ(event.action, store::Action::kRefused);
    EXPECT_EQ(event.kind, row.kind);
    EXPECT_EQ(event.repository, row.repository);
    EXPECT_EQ(event.tag, row.tag);
    EXPECT_EQ(event.digest, row.digest);
    const store::Details details = store::DecodeDetails(event.details);
    EXPECT_EQ(details.request_method, row.method);
    EXPECT_EQ(details.request_uri, row.target.substr(0, row.target.find('?')));
    EXPECT_EQ(details.status, 405);
    EXPECT_EQ(details.error_code, "UNSUPPORTED");
    EXPECT_EQ(details.count, 0);
  }
}

TEST_F(RefusedRequestsTest, SayWhoAskedFromWhere) {
  Ask ask("PUT", "/v2/a/manifests/v1?token=secret", "{}",
          {{"Authorization", "Basic YWxpY2U6c2VjcmV0"}, {"User-Agent", "probe/1"}, {"X-Real-Ip", "198.51.100.7"}});
  const auto events = After({ask});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]->actor, "alice");
  EXPECT_EQ(events[0]->details.find("secret"), std::string::npos) << events[0]->details;
  const store::Details details = store::DecodeDetails(events[0]->details);
  EXPECT_FALSE(details.actor_verified);
  EXPECT_EQ(details.request_addr, "198.51.100.7");
  EXPECT_EQ(details.peer, "127.0.0.1:4711");
  EXPECT_EQ(details.forwarded, "198.51.100.7");
  EXPECT_EQ(details.request_useragent, "probe/1");
  EXPECT_EQ(details.request_host, "127.0.0.1:5600");
  EXPECT_TRUE(runtime::IsUuid(details.request_id));
  EXPECT_EQ(details.source_addr, "vm:5600");
}

TEST_F(RefusedRequestsTest, AreSmallWhateverIsSent) {
  const std::string much(100'000, 'x');
  const Ask ask("PUT", "/v2/a/manifests/sha256:" + much, "",
                {{"User-Agent", much},
                 {"Host", much},
                 {"X-Forwarded-For", "198.51.100.7," + much},
                 {"Authorization", "Basic " + std::string(40'000, 'e')}});
  const auto events = After({ask});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_LT(events[0]->details.size(), 5'000u);
  EXPECT_LE(events[0]->digest.size(), 255u);
  EXPECT_LE(events[0]->actor.size(), 255u);
  const store::Details details = store::DecodeDetails(events[0]->details);
  EXPECT_EQ(details.request_uri.size(), 2048u);
  EXPECT_EQ(details.forwarded.size(), 1024u);
}

TEST_F(RefusedRequestsTest, DeletionThatIsSwitchedOffIsOne) {
  config_.storage.read_only = false;
  config_.storage.delete_enabled = false;
  Reconfigure();
  const auto events = After({{"DELETE", "/v2/a/manifests/v1"}});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(Said(*events[0]), "refused tag v1");
}

TEST_F(RefusedRequestsTest, OtherAnswersAreNone) {
  const auto events = After({{"GET", "/v2/"},
                             {"OPTIONS", "/v2/a/manifests/v1"},
                             {"GET", "/v2/a/manifests/v1"},
                             {"GET", "/v2/a/manifests/sha256:bad"},
                             {"GET", "/v2/no/such/place"},
                             {"POST", "/"},
                             {"POST", "/elsewhere"},
                             {"GET", "/v2/_catalog"}});
  EXPECT_EQ(statuses_, (std::vector<int>{200, 200, 404, 400, 404, 200, 404, 200}));
  EXPECT_TRUE(events.empty());
}

TEST_F(RefusedRequestsTest, AreRecordedOnDemandAlone) {
  config_.audit.refused = false;
  Reconfigure();
  EXPECT_TRUE(After({{"PUT", "/v2/a/manifests/v1"}}).empty());
  config_.audit.refused = true;
  Reconfigure();
  EXPECT_EQ(After({{"PUT", "/v2/a/manifests/v1"}}).size(), 1u);
}

TEST_F(RefusedRequestsTest, AreRecordedWhenPullsAreNot) {
  config_.events.pull = config::PullEvents::kOff;
  Reconfigure();
  EXPECT_EQ(After({{"PUT", "/v2/a/manifests/v1"}}).size(), 1u);
}

TEST_F(RefusedRequestsTest, AreCountedByClientWhateverThePort) {
  std::vector<Ask> asks;
  for (int i = 0; i < 30; ++i) {
    for (const char* ip : {"127.0.0.1", "192.0.2.9"}) {
      asks.emplace_back("PUT", "/v2/a/manifests/v1");
      asks.back().peer_ip = ip;
      asks.back().port = std::to_string(40'000 + i);
    }
  }
  const auto events = After(asks);
  ASSERT_EQ(events.size(), 22u);
  std::vector<std::string> counted;
  for (const auto& event : {events[20], events[21]}) {
    const store::Details details = store::DecodeDetails(event->details);
    counted.push_back(details.request_addr + " " + std::to_string(details.count));
    EXPECT_EQ(event->repository, "a");
    EXPECT_EQ(event->tag, "v1");
  }
  EXPECT_THAT(counted, ::testing::UnorderedElementsAre("127.0.0.1 20", "192.0.2.9 20"));
}

TEST_F(RefusedRequestsTest, BehindAProxyAreCountedByItsClients) {
  std::vector<Ask> asks;
  for (int i = 0; i < 12; ++i) {
    for (const char* client : {"198.51.100.7", "198.51.100.8"}) {
      asks.emplace_back("PUT", "/v2/a/manifests/v1", "", Ask::Fields{{"X-Forwarded-For", client}});
    }
  }
  EXPECT_EQ(After(asks).size(), 22u);
}

}  // namespace
}  // namespace portcall::registry
