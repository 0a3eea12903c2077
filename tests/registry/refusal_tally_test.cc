#include "registry/recording/refusal_tally.h"

#include <gmock/gmock.h>
#include <prometheus/counter.h>

#include <thread>

#include "registry/http/refused.h"
#include "registry/recording/recorder.h"
#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::SizeIs;

class RefusalsTest : public ServiceTest {
 protected:
  RefusalsTest() { Begin(); }
  ~RefusalsTest() override { End(); }

  void Begin() { recorder_ = std::make_unique<Recorder>(*store_, log_, metrics_, clock_); }
  // Everything refused is in the log afterwards.
  void End() { recorder_.reset(); }

  static Draft Some(const std::string& actor, const std::string& repository = "a", int status = 405,
                    const std::string& address = "192.0.2.1") {
    Draft draft;
    draft.event.action = store::Action::kRefused;
    draft.event.kind = store::Kind::kTag;
    draft.event.repository = repository;
    draft.event.tag = "v1";
    draft.event.actor = actor;
    const auto origin = std::make_shared<Origin>();
    origin->actor = actor;
    origin->request_id = runtime::UuidV4();
    origin->client_ip = address;
    origin->client = address + ":" + std::to_string(origin->request_id.front());
    origin->method = "PUT";
    draft.origin = origin;
    draft.details.status = status;
    return draft;
  }
  void Refuse(int times, const std::string& actor = "eve", const std::string& address = "192.0.2.1") {
    for (int i = 0; i < times; ++i) RefuseOne(Some(actor, "a", 405, address));
  }
  void RefuseOne(Draft draft) { runner_->Run(recorder_->RecordRefusal(std::move(draft))); }

  struct Line {
    std::string actor;
    std::int64_t count;
    bool operator==(const Line&) const = default;
    friend void PrintTo(const Line& line, std::ostream* out) { *out << line.actor << " " << line.count; }
  };
  // What is in the log, each event with its count.
  std::vector<Line> Logged() {
    std::vector<Line> lines;
    for (const auto& event : Events()) {
      lines.push_back({event->actor, store::DecodeDetails(event->details).count});
    }
    return lines;
  }
  // The last event, which stands for many.
  struct Folded {
    store::Event event;
    store::Details details;
  };
  Folded Last() {
    const auto events = Events();
    return {*events.back(), store::DecodeDetails(events.back()->details)};
  }

  std::unique_ptr<Recorder> recorder_;
};

TEST_F(RefusalsTest, TenAreEventsAndTheRestIsCounted) {
  Refuse(10);
  End();
  EXPECT_THAT(Logged(), AllOf(SizeIs(10), Each(Line{"eve", 0})));
  Begin();
  Refuse(37);
  clock_.Advance(60s);
  End();
  const auto lines = Logged();
  ASSERT_EQ(lines.size(), 21u);
  EXPECT_EQ(lines.back(), (Line{"eve", 27}));
}

TEST_F(RefusalsTest, NothingIsSaidBeforeTheMinuteEnds) {
  Refuse(12);
  clock_.Advance(59s);
  Refuse(1);
  // Still the same minute: the thirteenth was counted with the others.
  clock_.Advance(1s);
  Refuse(1);
  End();
  const auto lines = Logged();
  ASSERT_EQ(lines.size(), 12u);
  EXPECT_EQ(lines[10], (Line{"eve", 3}));
  EXPECT_EQ(lines[11], (Line{"eve", 0}));
}

TEST_F(RefusalsTest, EachMinuteBeginsAnew) {
  Refuse(11);
  clock_.Advance(61s);
  Refuse(2);  // notices by itself that the minute is over
  End();
  const auto lines = Logged();
  ASSERT_EQ(lines.size(), 13u);
  EXPECT_EQ(lines[10], (Line{"eve", 1}));
  EXPECT_EQ(lines[11], (Line{"eve", 0}));
  EXPECT_EQ(lines[12], (Line{"eve", 0}));
}

TEST_F(RefusalsTest, TheMinuteEndsWithoutFurtherRequests) {
  recorder_ = std::make_unique<Recorder>(*store_, log_, metrics_, runtime::SystemClock(), Recorder::Pace{300ms, 1h});
  Refuse(11);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (Head() < 11 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
  ASSERT_GE(Head(), 11);
  EXPECT_EQ(Logged().back(), (Line{"eve", 1}));
}

TEST_F(RefusalsTest, ShutdownWritesWhatIsCounted) {
  Refuse(14);
  End();
  EXPECT_EQ(Logged().back(), (Line{"eve", 4}));
}

TEST_F(RefusalsTest, ActorsAndAddressesAreToldApart) {
  Refuse(11, "eve");
  Refuse(11, "mallory");
  Refuse(11, "eve", "192.0.2.2");
  Refuse(10, "");
  End();
  EXPECT_EQ(Head(), 3 * 11 + 10);
}

TEST_F(RefusalsTest, TheWallClockDoesNotMatter) {
  Refuse(11);
  clock_.SetWall(clock_.Now() + std::chrono::hours(5));
  Refuse(1);
  End();
  EXPECT_EQ(Logged().back(), (Line{"eve", 2}));
}

TEST_F(RefusalsTest, TheCountSaysWhatAllHaveInCommon) {
  Refuse(13);
  End();
  Folded last = Last();
  EXPECT_EQ(last.event.repository, "a");
  EXPECT_EQ(last.event.tag, "v1");
  EXPECT_EQ(last.event.kind, store::Kind::kTag);
  EXPECT_EQ(last.details.request_addr, "192.0.2.1") << "ports differ";
  EXPECT_EQ(last.details.request_id, "") << "each had its own";
  EXPECT_EQ(last.details.request_method, "PUT");
  EXPECT_EQ(last.details.status, 405);
  EXPECT_EQ(last.details.error_code, "UNSUPPORTED");

  Begin();
  Refuse(11);
  Draft other = Some("eve", "a", 403);
  other.event.kind = store::Kind::kManifest;
  other.event.tag.clear();
  other.event.digest = "sha256:1";
  RefuseOne(other);
  End();
  last = Last();
  EXPECT_EQ(last.details.count, 2);
  EXPECT_EQ(last.event.kind, store::Kind::kRepository);
  EXPECT_EQ(last.event.repository, "a");
  EXPECT_EQ(last.event.tag, "");
  EXPECT_EQ(last.event.digest, "");
  EXPECT_EQ(last.details.status, 0);
  EXPECT_EQ(last.details.error_code, "");

  Begin();
  Refuse(11);
  RefuseOne(Some("eve", "b"));
  End();
  last = Last();
  EXPECT_EQ(last.event.kind, store::Kind::kSystem);
  EXPECT_EQ(last.event.repository, "");
}

TEST_F(RefusalsTest, AScannerWithManyNamesFillsNothing) {
  const int clients = static_cast<int>(RefusalTally::kKeys);
  for (int i = 0; i < clients + 500; ++i) Refuse(1, "name" + std::to_string(i));
  Refuse(2, "name0");
  End();
  EXPECT_EQ(Head(), clients + 2 + 1);
  const Folded last = Last();
  EXPECT_EQ(last.details.count, 500);
  EXPECT_EQ(last.event.actor, "");
  EXPECT_EQ(last.details.request_addr, "192.0.2.1") << "one address stands behind all";
  EXPECT_EQ(last.details.note, "refused to more clients than are told apart");
}

TEST_F(RefusalsTest, WhatIsCountedIsBoundedInBytes) {
  RefusalTally tally(60s);
  const runtime::SteadyTime now = clock_.Ticks();
  const std::string much(8'000, 'x');
  std::int64_t counted = 0;
  // Each of these clients has its own fold, until they would take too much memory.
  for (std::size_t i = 0; i < 200; ++i) {
    const Draft draft = Some("name" + std::to_string(i), much);
    for (std::size_t n = 0; n <= RefusalTally::kSingly; ++n) counted += tally.IsSingle(draft, now) ? 0 : 1;
  }
  std::size_t bytes = 0;
  std::int64_t count = 0;
  for (const RefusalTally::Folded& folded : tally.Take()) {
    bytes += folded.event.repository.size();
    count += folded.details.count;
  }
  EXPECT_EQ(count, counted) << "none is forgotten";
  EXPECT_GE(counted, 200);
  EXPECT_GT(bytes, RefusalTally::kMaxBytes / 2);
  EXPECT_LE(bytes, RefusalTally::kMaxBytes);
  EXPECT_FALSE(tally.end());
}

TEST_F(RefusalsTest, WhatTheStoreRefusesIsCountedAsLost) {
  End();
  Reopen(UINT64_MAX / 2);
  Begin();
  Refuse(12);
  End();
  EXPECT_EQ(Head(), 0);
  EXPECT_EQ(metrics_.Count("portcall_refusal_events_lost_total", "").Value(), 11);
  EXPECT_EQ(metrics_.Count("portcall_pull_events_lost_total", "").Value(), 0);
}

TEST(IsRefusalTest, AChallengeIsNone) {
  http::Request request;
  for (const int status : {403, 405, 429}) EXPECT_TRUE(IsRefusal(request, status)) << status;
  for (const int status : {200, 201, 202, 301, 304, 400, 401, 404, 413, 416, 500, 503}) {
    EXPECT_FALSE(IsRefusal(request, status)) << status;
  }
  request.fields.Add("Authorization", "Basic eve");
  EXPECT_TRUE(IsRefusal(request, 401));
}

}  // namespace
}  // namespace portcall::registry
