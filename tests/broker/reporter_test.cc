#include "broker/endpoint/reporter.h"

#include <gtest/gtest.h>

#include "tests/broker/shell_test.h"

namespace portcall::broker {
namespace {

using std::chrono::hours;

class ReporterTest : public ShellTest {
 protected:
  void Begin(Reporter::Begin begin = {}) {
    for (int i = 0; i < 3; ++i) world_.Append("repo");
    Open(Entry());
    On([this] { Feed(); });
    reporter_ = std::make_unique<Reporter>(log_, metrics_, entry_, *core_, begin);
  }
  Moment At(Ticks seconds) { return {begun_.ticks + seconds * kSecond, begun_.wall + seconds * kSecond}; }
  void Tell(Note::Kind kind, Ticks seconds, std::string text = "answered 503") {
    Note note{kind, std::move(text)};
    if (kind == Note::Kind::kRecovered) note.lasted = 7 * kSecond;
    if (kind == Note::Kind::kDead) note.event = EventOf();
    reporter_->Tell(note, At(seconds));
  }
  void Summarize(Ticks seconds) { reporter_->Summarize(hours(2), At(seconds)); }
  static store::EventPtr EventOf() {
    auto event = std::make_shared<store::Event>();
    event->id = "id-1";
    event->repository = "repo";
    return event;
  }
  bool Shows(const std::string& line) { return metrics_.Text().find(line + "\n") != std::string::npos; }

  const Moment begun_ = Now();
  std::unique_ptr<Reporter> reporter_;
};

TEST_F(ReporterTest, AnOutageIsToldOnceAndSummarizedEachMinuteUntilItEnds) {
  Begin();
  Summarize(0);
  Tell(Note::Kind::kFailing, 0);
  Summarize(59);
  Tell(Note::Kind::kOpened, 59);
  Summarize(60);
  Summarize(61);
  Summarize(120);
  Tell(Note::Kind::kRecovered, 121);
  Summarize(500);
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint started failing\" endpoint=hook error=\"answered 503\""), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint is down, probing it from time to time"), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint keeps failing"), 2) << lines;
  EXPECT_EQ(Count(lines, "oldest=7200s pending=3"), 2) << lines;
  EXPECT_EQ(Count(lines, "endpoint recovered\" after=7s endpoint=hook pending=3"), 1) << lines;
}

TEST_F(ReporterTest, AnOperatorsPauseIsNoFailureAndNo410TakesItOver) {
  Begin();
  Tell(Note::Kind::kFailing, 0);
  On([this] { core_->SetPause("moved (by root)", Now()); });
  reporter_->PausedByOperator(17);
  Tell(Note::Kind::kPaused, 1, "answered 410 Gone");  // of the same turn of the loop
  Summarize(60);
  const EndpointStatus status = reporter_->Status(std::nullopt);
  EXPECT_TRUE(status.paused_by_operator);
  EXPECT_EQ(status.since, 17);
  On([this] { core_->SetPause({}, Now()); });
  reporter_->Resumed();
  Summarize(120);
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint paused"), 0) << lines;
  EXPECT_EQ(Count(lines, "endpoint keeps failing"), 1) << lines;
}

TEST_F(ReporterTest, WhatIsNotKnownIsNotShownAsZero) {
  Begin();
  Tell(Note::Kind::kFailing, 0);
  reporter_->Summarize(std::nullopt, At(60));
  reporter_->Tell({Note::Kind::kRecovered, ""}, At(61));
  EXPECT_EQ(reporter_->Status(std::nullopt).oldest_pending, std::nullopt);
  EXPECT_EQ(reporter_->Status(hours(2)).oldest_pending, hours(2));
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "oldest=unknown"), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint recovered\" endpoint=hook pending=3"), 1) << lines;
}

TEST_F(ReporterTest, DeadLettersAreNamedUpToABoundAndAllAreCounted) {
  Begin({.dead_letters = 100});
  Tell(Note::Kind::kFailing, 0);
  for (int i = 0; i < 30; ++i) Tell(Note::Kind::kDead, 1, "maxretries");
  Summarize(60);
  Tell(Note::Kind::kDead, 61, "maxretries");
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "event dead-lettered"), 21) << lines;
  EXPECT_EQ(Count(lines, "dead_untold=10"), 1) << lines;
  EXPECT_EQ(reporter_->Status(std::nullopt).dead_letters, 131);
  EXPECT_TRUE(Shows("registry_notifications_delivery_total{delivery_type=\"lost\",endpoint=\"hook\"} 31"));
}

// An endpoint that delivers all else has no summaries.
TEST_F(ReporterTest, DeadLettersOfAnEndpointThatIsWellAreToldByTheirNumber) {
  Begin();
  for (int minute = 0; minute < 3; ++minute) {
    for (int i = 0; i < 30; ++i) Tell(Note::Kind::kDead, minute * 60 + i % 5, "rejected");
    Summarize(minute * 60 + 30);
    Summarize(minute * 60 + 60);
    Summarize(minute * 60 + 60);
  }
  for (int i = 0; i < 22; ++i) Tell(Note::Kind::kDead, 200, "rejected");
  Tell(Note::Kind::kFailing, 201);
  Tell(Note::Kind::kRecovered, 202);
  Summarize(260);
  for (int i = 0; i < 21; ++i) Tell(Note::Kind::kDead, 300, "rejected");
  reporter_->TellUntold();
  reporter_->TellUntold();
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "event dead-lettered"), 5 * 20) << lines;
  EXPECT_EQ(Count(lines, "more events dead-lettered\" dead_untold=10"), 3) << lines;
  EXPECT_EQ(Count(lines, "more events dead-lettered\" dead_untold=2"), 1) << lines;
  EXPECT_EQ(Count(lines, "more events dead-lettered\" dead_untold=1 "), 1) << lines;
}

TEST_F(ReporterTest, WhatExpiredCountsAsLost) {
  Begin();
  reporter_->Expired(4, 9, 5);
  reporter_->DeadLetters(1);
  EXPECT_TRUE(Shows("registry_notifications_delivery_total{delivery_type=\"lost\",endpoint=\"hook\"} 5"));
  EXPECT_EQ(reporter_->Status(std::nullopt).dead_letters, 1);
  EXPECT_EQ(Count(Lines(), "endpoint=hook events=5 from=4 to=9"), 1);
}

TEST_F(ReporterTest, ASinksTroubleIsToldOnceAndIsTheReasonMeanwhile) {
  Begin();
  EXPECT_FALSE(reporter_->failing());
  for (Ticks at = 0; at <= 60; at += 30) {
    reporter_->Trouble("no broker answers", At(at));
    Summarize(at);
  }
  EXPECT_TRUE(reporter_->failing());
  EXPECT_EQ(reporter_->Status(std::nullopt).reason, "no broker answers");
  reporter_->Trouble("", At(61));
  reporter_->Trouble("", At(62));
  Summarize(300);
  EXPECT_FALSE(reporter_->failing());
  EXPECT_EQ(reporter_->Status(std::nullopt).reason, "");
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "endpoint is in trouble, its deliveries wait"), 1) << lines;
  EXPECT_EQ(Count(lines, "keeps failing\" dead_untold=0 endpoint=hook error=\"no broker answers\""), 1) << lines;
  EXPECT_EQ(Count(lines, "endpoint is out of trouble"), 1) << lines;
}

TEST_F(ReporterTest, AChangedEntryThatDeliversIsARecoveryOnce) {
  Begin({.was_failing = true});
  EXPECT_TRUE(reporter_->failing());
  reporter_->Judged(Receiver::Accept());
  reporter_->Judged(Receiver::Accept());
  EXPECT_FALSE(reporter_->failing());
  EXPECT_EQ(Count(Lines(), "endpoint recovered with its changed entry"), 1);
}

TEST_F(ReporterTest, AChangedEntryThatFailsIsNone) {
  Begin({.was_failing = true});
  reporter_->Judged(Receiver::Fail());
  reporter_->Judged(Receiver::Accept());
  EXPECT_EQ(Count(Lines(), "recovered"), 0);
}

TEST_F(ReporterTest, AttemptsShowInStatusAndMetrics) {
  Begin();
  On([this] {
    for (const Attempt& attempt : Claim()) {
      reporter_->Ended(attempt, Receiver::Fail(), Now());
      core_->OnOutcome(attempt, Receiver::Fail(), Now());
    }
  });
  reporter_->Show(hours(2));
  const EndpointStatus status = reporter_->Status(std::nullopt);
  EXPECT_EQ(status.failures, 1u);
  EXPECT_EQ(status.pending, 3);
  EXPECT_EQ(status.reason, "answered 503");
  EXPECT_TRUE(Shows("registry_notifications_pending{endpoint=\"hook\"} 3"));
  EXPECT_TRUE(Shows("portcall_notifications_oldest_pending_seconds{endpoint=\"hook\"} 7200"));
}

TEST_F(ReporterTest, ALostCursorIsToldOnceAndStaysTheReason) {
  Begin();
  Tell(Note::Kind::kFailing, 0);
  reporter_->CursorLost();
  reporter_->CursorLost();
  Summarize(60);
  EXPECT_NE(reporter_->Status(std::nullopt).reason.find("another process"), std::string::npos);
  const std::string lines = Lines();
  EXPECT_EQ(Count(lines, "level=error msg=\"endpoint stands still: another process has taken over its cursor"), 1)
      << lines;
  EXPECT_EQ(Count(lines, "keeps failing"), 0) << lines;
}

}  // namespace
}  // namespace portcall::broker
