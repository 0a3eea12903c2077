#include "sinks/audit/sink/audit_sink.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "sinks/audit/log/receipt.h"
#include "sinks/audit/sink/writer.h"
#include "tests/sinks/audit/audit_sink_stage.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using audit::AuditFolder;
using audit::MakeEvent;
using audit::Range;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(AuditSinkTest, AnEventIsDeliveredWhenItIsOnDisk) {
  ASSERT_TRUE(Make());
  EXPECT_TRUE(sink_->capacity().pipelines_lanes);
  const Outcome outcome = Deliver(1);
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  EXPECT_EQ(Seqs(), Range(1, 1));
}

TEST_F(AuditSinkTest, ManyAtOnceKeepTheirOrder) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 1'000), Verdict::kDelivered), 1'000);
  EXPECT_EQ(Seqs(), Range(1, 1'000));
}

TEST_F(AuditSinkTest, WhatItHoldsIsDeliveredButNotWritten) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 20), Verdict::kDelivered), 20);
  EXPECT_EQ(Count(DeliverAll(10, 30), Verdict::kDelivered), 21);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

TEST_F(AuditSinkTest, AFullDiskFailsEveryEventBehindTheFirst) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{2'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  auto futures = DeliverAll(2, 200);
  std::vector<bool> delivered;
  for (auto& future : futures) {
    const Outcome outcome = portcall::testing::LoopRunner::Await(std::move(future));
    delivered.push_back(outcome.verdict == Verdict::kDelivered);
    if (!delivered.back()) EXPECT_THAT(outcome.error, HasSubstr("audit-"));
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(std::ranges::is_sorted(delivered, std::greater<>())) << "one was taken without those before it";
  EXPECT_FALSE(delivered.back());
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), HasSubstr("writing"));
  EXPECT_EQ(Count(DeliverAll(2, 200), Verdict::kDelivered), 199);
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), IsEmpty());
  EXPECT_EQ(Seqs(), Range(1, 200));
}

TEST_F(AuditSinkTest, CheckpointsBecomeEventsWhereAnEndpointTakesThem) {
  config_.checkpoint_records = 5;
  config_.publish = true;
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 5), Verdict::kDelivered), 5);
  std::vector<store::Event> published = runner_->Call([&] { return published_; });
  for (int i = 0; published.empty() && i < 400; ++i) {
    std::this_thread::sleep_for(5ms);
    published = runner_->Call([&] { return published_; });
  }
  ASSERT_THAT(published, SizeIs(1));
  EXPECT_EQ(published[0].action, store::Action::kCheckpoint);
  EXPECT_EQ(published[0].kind, store::Kind::kSystem);
  const auto text = key_->verifier().Open(store::DecodeDetails(published[0].details).note);
  ASSERT_TRUE(text);
  EXPECT_EQ(audit::Checkpoint::Parse(*text)->size, 5U);
}

TEST_F(AuditSinkTest, CheckpointsAreMadeByTheClockThoughNoEventComes) {
  config_.checkpoint_interval = 300ms;
  config_.publish = true;
  ASSERT_TRUE(Make());
  for (std::size_t i = 1; i <= 2; ++i) {
    EXPECT_EQ(Deliver(static_cast<std::int64_t>(i)).verdict, Verdict::kDelivered);
    const auto made = [&] { return runner_->Call([&] { return published_.size(); }); };
    for (int tries = 0; made() < i && tries < 4'000; ++tries) std::this_thread::sleep_for(5ms);
    EXPECT_GE(made(), i);
  }
}

TEST_F(AuditSinkTest, ADiskThatDoesNotAnswerHoldsNoAttemptForLonger) {
  endpoint_.timeout = 100ms;
  ASSERT_TRUE(Make());
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
  std::promise<void> answers;
  const std::shared_future<void> held = answers.get_future().share();
  audit::FolderLanes::Of(lanes_, folder())->writing->Post([held] { held.wait(); });
  const Outcome outcome = Deliver(2);
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_THAT(outcome.error, HasSubstr("does not answer"));
  answers.set_value();
}

TEST_F(AuditSinkTest, ACleanEndLeavesACheckpoint) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 3), Verdict::kDelivered), 3);
  Close();
  WaitUntilClosed();
  EXPECT_THAT(audit::ReadText(folder() / audit::kCheckpoints), HasSubstr("\n3\n"));
}

TEST_F(AuditSinkTest, ClosingItPublishesTheLastCheckpoint) {
  config_.publish = true;
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 3), Verdict::kDelivered), 3);
  runner_->Run(sink_->Close());
  EXPECT_THAT(published_, SizeIs(1));
  EXPECT_FALSE(audit::IsLocked(folder()));
  EXPECT_EQ(Deliver(4).verdict, Verdict::kFailed);
}

TEST_F(AuditSinkTest, AChangedEntryTakesTheFolderOver) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
  std::unique_ptr<Sink> old = std::move(sink_);
  ASSERT_TRUE(Make());  // as a reload does: the new one is made before the old one ends
  runner_->Call([&] { old.reset(); });
  EXPECT_EQ(Deliver(2).verdict, Verdict::kDelivered);
  EXPECT_EQ(Seqs(), Range(1, 2));
}

TEST_F(AuditSinkTest, AnotherWriterIsAFailureThatEnds) {
  auto other = Open();
  ASSERT_TRUE(Make());
  const Outcome outcome = Deliver(1);
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_THAT(outcome.error, HasSubstr("another process"));
  other.reset();
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
}

TEST_F(AuditSinkTest, ATruncatedFolderIsRefused) {
  Fill(1, 20);
  const auto file = folder() / audit::SegmentName(0);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(21).error, HasSubstr("truncated"));
}

TEST_F(AuditSinkTest, ADeliveryBringsAReceiptOfWhatIsOnDisk) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 19), Verdict::kDelivered), 19);
  const auto receipt = audit::Receipt::Open(Deliver(20).receipt, key_->verifier());
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->checkpoint.size, 20U);
}

TEST_F(AuditSinkTest, AForgedFolderIsRefusedUntilItIsMovedAside) {
  Fill(1, 20);
  receipt_ = Open()->MakeReceipt();
  Forge();
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(21).error, HasSubstr("move the folder aside"));
  EXPECT_THAT(Deliver(21).error, HasSubstr("move the folder aside"));
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), HasSubstr("checkpoints are gone"));
  portcall::testing::TempDir elsewhere;
  std::filesystem::rename(folder(), elsewhere.File("forged"));
  EXPECT_EQ(Deliver(21).verdict, Verdict::kDelivered);
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), IsEmpty());
  EXPECT_EQ(Seqs(), Range(21, 21));
  // The new log's own key, so that the next start finds it.
  EXPECT_TRUE(std::filesystem::exists(folder() / audit::kPrivateKey));
  const auto published = runner_->Call([&] { return published_; });
  ASSERT_THAT(published, SizeIs(1));
  EXPECT_EQ(published[0].action, store::Action::kEndpoint);
  EXPECT_THAT(store::DecodeDetails(published[0].details).note, HasSubstr(receipt_));
}

TEST_F(AuditSinkTest, ClosedSegmentsAreLookedAtOnceUntilOneIsOldOrAnotherIsClosed) {
  config_.rotate_bytes = 60'000;
  config_.keep = std::chrono::hours(24 * 365 * 200);
  ASSERT_TRUE(Make());
  const auto plain = folder() / audit::SegmentName(0), packed = folder() / (audit::SegmentName(0) + ".gz");
  const auto is_packed = [&] { return std::filesystem::exists(packed) && !std::filesystem::exists(plain); };
  std::int64_t seq = 0;
  const auto deliver_until = [&](auto done) {
    const std::int64_t last = seq + 1'000;
    while (seq < last && !done()) EXPECT_EQ(Deliver(++seq).verdict, Verdict::kDelivered);
    return done();
  };
  ASSERT_TRUE(deliver_until(is_packed));
  // Unpacked again: whoever looks at it packs it.
  const std::size_t count = Segments().size();
  SaveLines(plain, Lines(Segments()[0]));
  std::filesystem::remove(packed);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Deliver(++seq).verdict, Verdict::kDelivered);
  ASSERT_EQ(Segments().size(), count);
  EXPECT_FALSE(std::filesystem::exists(packed)) << "every batch tidies";
  EXPECT_TRUE(deliver_until(is_packed));
  EXPECT_GT(Segments().size(), count);
}

TEST_F(AuditSinkTest, CheckpointsThatSomebodyRemovesStopItAsAtAStart) {
  config_.checkpoint_records = 5;
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 10), Verdict::kDelivered), 10);
  const std::string receipt = Deliver(11).receipt;
  std::filesystem::remove(folder() / audit::kCheckpoints);
  EXPECT_THAT(Deliver(12).error, HasSubstr("somebody removed, replaced or changed"));
  EXPECT_THAT(Deliver(12).error, HasSubstr("checkpoints are gone"));
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), HasSubstr("checkpoints are gone"));
  EXPECT_FALSE(std::filesystem::exists(folder() / audit::kCheckpoints)) << "the rest was signed";
  EXPECT_EQ(Seqs(), Range(1, 11));
  portcall::testing::TempDir elsewhere;
  std::filesystem::rename(folder(), elsewhere.File("damaged"));
  EXPECT_EQ(Deliver(12).verdict, Verdict::kDelivered);
  EXPECT_EQ(Seqs(), Range(12, 12));
  const auto published = runner_->Call([&] { return published_; });
  ASSERT_THAT(published, SizeIs(1));
  EXPECT_THAT(store::DecodeDetails(published[0].details).note, HasSubstr(receipt)) << "what was given last";
}

TEST_F(AuditSinkTest, ARunningLogThatIsMovedAsideBeginsAnew) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 10), Verdict::kDelivered), 10);
  portcall::testing::TempDir elsewhere;
  std::filesystem::rename(folder(), elsewhere.File("old"));
  EXPECT_EQ(Deliver(11).verdict, Verdict::kFailed);
  EXPECT_EQ(Deliver(11).verdict, Verdict::kDelivered);
  EXPECT_EQ(Seqs(), Range(11, 11));
}

TEST_F(AuditSinkTest, RecordsThatSomebodyAddsAreKeptAsideAndItGoesOn) {
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(1, 10), Verdict::kDelivered), 10);
  auto lines = Lines(folder() / audit::SegmentName(0));
  lines.push_back(lines.back());
  SaveLines(folder() / audit::SegmentName(0), lines);
  EXPECT_EQ(Deliver(11).verdict, Verdict::kFailed);
  EXPECT_EQ(Deliver(11).verdict, Verdict::kDelivered);
  EXPECT_EQ(Seqs(), Range(1, 11));
  EXPECT_FALSE(Aside("unacknowledged-").empty());
}

TEST_F(AuditSinkTest, ALogKeepsTheOriginThatItBeganWithUnlessTheFileNamesAnother) {
  Fill(1, 20);
  receipt_ = Open()->MakeReceipt();
  config_.origin = "renamed.example.com";
  config_.checkpoint_records = 5;
  config_.default_origin = true;
  ASSERT_TRUE(Make());
  EXPECT_EQ(Count(DeliverAll(21, 25), Verdict::kDelivered), 5);
  runner_->Run(sink_->Close());
  const auto notes = NoteTexts();
  EXPECT_EQ(audit::Checkpoint::Parse(notes.back())->size, 25U);
  EXPECT_TRUE(key_->verifier().Open(notes.back())) << notes.back();
  EXPECT_EQ(audit::ReadText(folder() / audit::kPublicKey), key_->verifier().Text() + '\n');
  config_.default_origin = false;
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(26).error, HasSubstr("another key or origin"));
}

TEST_F(AuditSinkTest, AFolderThatCannotBeMadeOrUsedIsWaitedFor) {
  const auto file = folder() / "file";
  audit::WriteText(file, "in the way\n");
  config_.directory = file / "audit";
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(1).error, HasSubstr("Not a directory"));
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), HasSubstr("Not a directory"));
  std::filesystem::remove(file);
  std::filesystem::create_directories(file / "audit" / audit::kPrivateKey);  // no file to read a key from
  EXPECT_THAT(Deliver(1).error, HasSubstr(audit::kPrivateKey));
  std::filesystem::remove(file / "audit" / audit::kPrivateKey);
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
  EXPECT_THAT(runner_->Call([&] { return sink_->Trouble(); }), IsEmpty());
}

}  // namespace
}  // namespace portcall::sinks
