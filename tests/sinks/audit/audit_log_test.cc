#include "sinks/audit/log/audit_log.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "sinks/audit/log/housekeeping.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class AuditLogTest : public AuditFolder {
 protected:
  std::filesystem::path First() const { return folder() / SegmentName(0); }
  void Cut(const std::filesystem::path& file, std::uintmax_t from_end) {
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - from_end);
  }
};

TEST_F(AuditLogTest, ChainsEachLineToTheOneBefore) {
  Fill(1, 7);
  const auto lines = Lines(First());
  ASSERT_THAT(lines, SizeIs(7));
  std::string expected(64, '0');
  for (std::size_t n = 0; n < lines.size(); ++n) {
    const auto json = nlohmann::json::parse(lines[n]);
    EXPECT_EQ(json["n"], n);
    EXPECT_EQ(json["seq"], n + 1);
    EXPECT_EQ(json["prev"], expected);
    expected = runtime::HashHex("sha256", std::string(1, '\0') + lines[n]);
  }
}

TEST_F(AuditLogTest, GoesOnWhereItEnded) {
  Fill(1, 23);
  Fill(24, 30);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

TEST_F(AuditLogTest, GoesOnWithoutItsState) {
  Fill(1, 23);
  std::filesystem::remove(folder() / kState);
  Fill(24, 30);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

TEST_F(AuditLogTest, DoesNotBelieveDamagedState) {
  Fill(1, 23);
  std::string state = ReadText(folder() / kState);
  state[5] = state[5] == '9' ? '8' : '9';
  WriteText(folder() / kState, state);
  Fill(24, 30);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

// Whoever can write there can make the checksum too.
TEST_F(AuditLogTest, DoesNotBelieveForgedState) {
  Fill(1, 23);
  Position state = *LoadState(folder());
  state.seq = INT64_MAX;
  state.recorded = "9999-12-31T23:59:59.999999999Z";
  ASSERT_TRUE(SaveState(folder(), state));
  Fill(24, 30);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

// As above, with all that can be had without the key: the position of the last checkpoint.
TEST_F(AuditLogTest, DoesNotBelieveForgedStateAtTheCheckpoint) {
  Fill(1, 23);
  Position state;
  Hashing hashing;
  for (const std::string& line : Lines(First())) ASSERT_TRUE(state.Follow(hashing, line));
  state.offset = std::filesystem::file_size(First());
  state.seq = INT64_MAX;
  state.recorded = "9999-12-31T23:59:59.999999999Z";
  ASSERT_TRUE(SaveState(folder(), state));
  Fill(24, 30);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

// The last record is edited, and a state with the true tree vouches for it.
TEST_F(AuditLogTest, DoesNotGoOnFromAForgedRecord) {
  Fill(1, 22);
  Position state;
  Hashing hashing;
  auto lines = Lines(First());
  for (const std::string& line : lines) ASSERT_TRUE(state.Follow(hashing, line));
  Edit(lines.back(), "\"seq\":22", "\"seq\":99");
  SaveLines(First(), lines);
  state.prev = hashing.Leaf(lines.back());
  state.offset = std::filesystem::file_size(First());
  ASSERT_TRUE(SaveState(folder(), state));
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kInvalid);
}

TEST_F(AuditLogTest, AForgedStateBeyondTheCheckpointsIsNoReasonToStop) {
  Fill(1, 23);
  Position state = *LoadState(folder());
  std::vector<Hash> roots{Hash{}};
  ASSERT_TRUE(Tree::Restore(1u << 20, std::move(roots), state.tree));
  state.prev = Hash{};
  ASSERT_TRUE(SaveState(folder(), state));
  Fill(24, 30);
  EXPECT_EQ(Seqs(), Range(1, 30));
}

TEST_F(AuditLogTest, AStartReadsOnlyWhatTheLastCheckpointAdded) {
  Fill(1, 23);
  ASSERT_EQ(LoadState(folder())->size(), 20U);
  auto lines = Lines(First());
  Edit(lines[2], "bob", "eve");
  SaveLines(First(), lines);
  EXPECT_TRUE(TryOpen()) << "it read all again";
}

TEST_F(AuditLogTest, SkipsWhatItHolds) {
  Fill(1, 20);
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(8, 25)));
  EXPECT_EQ(log->size(), 25U);
  EXPECT_EQ(Seqs(), Range(1, 25));
}

// Events that waited while later ones went out, because the endpoint was another kind of destination before.
TEST_F(AuditLogTest, RecordsOldEventsOnceThatItDoesNotHold) {
  Fill(10, 20);
  Fill(1, 5);
  EXPECT_EQ(Seqs().size(), 16U);
  Fill(1, 20);
  std::vector<std::int64_t> seqs = Seqs();
  EXPECT_EQ(seqs.size(), 20U);
  std::ranges::sort(seqs);
  EXPECT_EQ(seqs, Range(1, 20));
}

TEST_F(AuditLogTest, KnowsWhatItHoldsAcrossSegments) {
  options_.rotate_bytes = 4'000;
  Fill(1, 100);
  std::filesystem::remove(folder() / kState);
  Fill(1, 101);
  EXPECT_EQ(Seqs(), Range(1, 101));
}

TEST_F(AuditLogTest, TakesSmallNumbersOfALogThatWasBegunAnew) {
  Fill(1, 20);
  auto log = Open();
  ASSERT_TRUE(log->Append(std::vector{MakeEvent(3, 1'795'000'000'000'000'000)}));
  EXPECT_EQ(Seqs().back(), 3);
  EXPECT_EQ(log->size(), 21U);
}

TEST_F(AuditLogTest, CutsATornLine) {
  Fill(1, 12);
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(13, 15)));
  const std::string crashed = ReadText(First());
  const std::string notes = ReadText(folder() / kCheckpoints);
  const std::string state = ReadText(folder() / kState);
  log.reset();
  WriteText(First(), crashed.substr(0, crashed.size() - 100));
  WriteText(folder() / kCheckpoints, notes);
  WriteText(folder() / kState, state);
  Fill(15, 18);
  EXPECT_EQ(Seqs(), Range(1, 18));
}

TEST_F(AuditLogTest, CutsATornCheckpoint) {
  Fill(1, 20);
  Cut(folder() / kCheckpoints, 20);
  std::filesystem::remove(folder() / kState);
  Fill(21, 22);
  EXPECT_EQ(Seqs(), Range(1, 22));
  EXPECT_THAT(ReadText(folder() / kCheckpoints), HasSubstr("registry.example.com\n22\n"));
  Fill(23, 23);
}

TEST_F(AuditLogTest, KeepsAsideWhatIsNoTornLine) {
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(1, 5)));
  std::string text = ReadText(First());
  log.reset();
  std::filesystem::remove(folder() / kCheckpoints);
  std::filesystem::remove(folder() / kState);
  WriteText(First(), text + std::string(500, '\0') + "\nmore\n");
  Fill(6, 7);
  EXPECT_EQ(Seqs(), Range(1, 7));
  EXPECT_TRUE(ReadText(Aside("damaged-5-")).ends_with("more\n"));
}

TEST_F(AuditLogTest, WhatWasNotAcknowledgedIsWrittenAgain) {
  options_.receipt = Crash(1, 5);
  const auto events = MakeEvents(6, 9);
  ASSERT_TRUE(Open()->Append(std::span(events).first(3)));
  auto log = Open();
  EXPECT_EQ(log->size(), 5U);
  EXPECT_THAT(ReadText(Aside("unacknowledged-5-")), HasSubstr("\"seq\":8"));
  ASSERT_TRUE(log->Append(std::span(events).first(2)));
  EXPECT_FALSE(Aside("unacknowledged-").empty());
  ASSERT_TRUE(log->Append(events));
  EXPECT_EQ(Seqs(), Range(1, 9));
  EXPECT_TRUE(Aside("unacknowledged-").empty()) << "all of it is there again";
}

TEST_F(AuditLogTest, WhatACheckpointCoversStaysThoughTheDatabaseDoesNotKnowOfIt) {
  options_.receipt = Crash(1, 5);
  options_.checkpoint_records = 2;
  Fill(6, 8);
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(6, 9)));
  EXPECT_EQ(Seqs(), Range(1, 9));
}

// Whoever adds a record while nothing runs must not have it signed, nor silence what follows.
TEST_F(AuditLogTest, DoesNotSignRecordsThatWereAdded) {
  Fill(1, 20);
  options_.receipt = Open()->MakeReceipt();
  auto lines = Lines(First());
  lines.push_back(lines.back());
  Edit(lines.back(), "\"seq\":20", "\"seq\":9000000000000000000");
  const Link link = *LinkOf(lines.back());
  Edit(lines.back(), std::string(link.recorded), "9999-12-31T23:59:59.999999999Z");
  Rechain(lines, 20);
  SaveLines(First(), lines);
  Fill(21, 22);
  EXPECT_EQ(Seqs(), Range(1, 22));
  EXPECT_EQ(ReadText(Aside("unacknowledged-20-")), lines.back() + '\n');
}

TEST_F(AuditLogTest, AnEmptyFolderBeginsAnewAndSaysSo) {
  EXPECT_FALSE(Open()->begun_anew());
  options_.receipt = Crash(1, 5);
  std::filesystem::remove(First());
  auto log = Open();
  EXPECT_TRUE(log->begun_anew());
  EXPECT_EQ(log->size(), 0U);
  log.reset();
  EXPECT_TRUE(Open()->begun_anew()) << "a start that went no further";
}

TEST_F(AuditLogTest, RefusesASecondWriter) {
  auto log = Open();
  const auto second = TryOpen();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kConflict);
}

TEST_F(AuditLogTest, MakesACheckpointAfterSoManyRecords) {
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(1, 9)));
  ASSERT_TRUE(log->Tick());
  EXPECT_THAT(log->TakeNotes(), SizeIs(0));
  ASSERT_TRUE(log->Append(MakeEvents(10, 10)));
  ASSERT_TRUE(log->Tick());
  const auto notes = log->TakeNotes();
  ASSERT_THAT(notes, SizeIs(1));
  const auto text = key_->verifier().Open(notes[0]);
  ASSERT_TRUE(text);
  EXPECT_EQ(Checkpoint::Parse(*text)->size, 10U);
  EXPECT_EQ(ReadText(folder() / kCheckpoints), notes[0]);
}

TEST_F(AuditLogTest, MakesACheckpointAfterATimeIfSomethingWasAdded) {
  auto log = Open();
  clock_.Advance(2h);
  ASSERT_TRUE(log->Tick());
  EXPECT_THAT(log->TakeNotes(), SizeIs(0));
  ASSERT_TRUE(log->Append(MakeEvents(1, 1)));
  ASSERT_TRUE(log->Tick());
  EXPECT_THAT(log->TakeNotes(), SizeIs(1));
  clock_.Advance(2h);
  ASSERT_TRUE(log->Tick());
  EXPECT_THAT(log->TakeNotes(), SizeIs(0));
}

TEST_F(AuditLogTest, ItsOwnCheckpointsAreNoReasonForAnother) {
  auto log = Open();
  store::Event checkpoint = *MakeEvent(1);
  checkpoint.action = store::Action::kCheckpoint;
  ASSERT_TRUE(log->Append(std::vector<store::EventPtr>{std::make_shared<const store::Event>(checkpoint)}));
  clock_.Advance(2h);
  ASSERT_TRUE(log->Tick());
  EXPECT_THAT(log->TakeNotes(), SizeIs(0));
}

TEST_F(AuditLogTest, MakesACheckpointAtACleanEnd) {
  Fill(1, 3);
  EXPECT_THAT(ReadText(folder() / kCheckpoints), HasSubstr("registry.example.com\n3\n"));
  EXPECT_THAT(Open()->TakeNotes(), SizeIs(1)) << "a crash may have kept it from being published";
}

TEST_F(AuditLogTest, AWriteThatDoesNotFitLeavesNothingBehind) {
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(1, 5)));
  const auto size = std::filesystem::file_size(First());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{size + 1'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto full = log->Append(MakeEvents(6, 50));
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::kNoSpace);
  EXPECT_EQ(std::filesystem::file_size(First()), size);
  ASSERT_TRUE(log->Append(MakeEvents(6, 50)));
  EXPECT_EQ(Seqs(), Range(1, 50));
}

TEST_F(AuditLogTest, NoticesThatItsFileIsGone) {
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(1, 5)));
  std::filesystem::remove(First());
  EXPECT_FALSE(log->Append(MakeEvents(6, 6)));
  EXPECT_FALSE(log->Append(MakeEvents(6, 6)));
}

}  // namespace
}  // namespace portcall::sinks::audit
