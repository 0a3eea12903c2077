#include "sinks/audit/log/verify.h"

#include <gmock/gmock.h>
#include <time.h>

#include <nlohmann/json.hpp>

#include "sinks/audit/log/folder_lock.h"
#include "sinks/audit/log/housekeeping.h"
#include "sinks/audit/log/position.h"
#include "tests/sinks/audit/verify_fixture.h"

namespace portcall::sinks::audit {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(VerifyTest, ASoundLogIsSound) {
  const VerifyReport report = Check();
  EXPECT_EQ(First(report), "");
  EXPECT_EQ(report.records(), 45U);
  EXPECT_EQ(report.checkpoints, 5U);
  EXPECT_EQ(report.covered, 45U);
  EXPECT_EQ(report.covered_outside, 0U);
  EXPECT_TRUE(report.own_key);
  EXPECT_EQ(First(CheckAgainst(Anchor(30))), "");
}

TEST_F(VerifyTest, ALogThatGrowsMeanwhileIsSound) {
  Fill(46, 17'000, 1'000);
  options_.rotate_bytes = 10'000;
  bool grown = false;
  VerifyOptions options;
  options.progress = [&](const VerifyProgress&) {
    if (!std::exchange(grown, true)) Fill(17'001, 17'100);  // into segments that the verification has not listed
  };
  EXPECT_EQ(First(Check(std::move(options))), "");
  EXPECT_TRUE(grown);
}

TEST_F(VerifyTest, FindsAnEditedByte) {
  auto lines = Lines(File());
  Edit(lines[16], "bob", "eve");
  Save(lines);
  const VerifyReport report = Check();
  EXPECT_THAT(First(report), HasSubstr(At(17) + "(record 16): record 16 was edited"));
  EXPECT_THAT(report.findings, SizeIs(1));
}

TEST_F(VerifyTest, FindsAnEditOfTheLastLine) {
  auto lines = Lines(File());
  Edit(lines[44], "bob", "eve");
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr("records 40 to 44 are not what was signed"));
}

TEST_F(VerifyTest, FindsAnEditedHash) {
  auto lines = Lines(File());
  const std::size_t at = LinkOf(lines[16])->prev_at;
  lines[16][at] = lines[16][at] == 'a' ? 'b' : 'a';
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr("record 16 carries another hash"));
}

TEST_F(VerifyTest, FindsALineThatIsNoRecord) {
  auto lines = Lines(File());
  lines[3] = "{}";
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr(At(4) + "(record 3)"));
}

TEST_F(VerifyTest, FindsADeletedLine) {
  auto lines = Lines(File());
  lines.erase(lines.begin() + 5);
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr(At(6) + "(record 5): record 5 is missing before this line"));
}

TEST_F(VerifyTest, FindsTheFirstLinesDeleted) {
  auto lines = Lines(File());
  lines.erase(lines.begin(), lines.begin() + 5);
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr("records 0 to 4 are missing"));
}

TEST_F(VerifyTest, FindsTheFirstLinesDeletedAndTheRestRenumbered) {
  auto lines = Lines(File());
  lines.erase(lines.begin(), lines.begin() + 5);
  Edit(lines[0], std::string(LinkOf(lines[0])->prev), std::string(64, '0'));
  Edit(lines[0], "{\"n\":5", "{\"n\":0");
  Rechain(lines, 1);
  Save(lines);
  EXPECT_FALSE(Check().sound());
}

TEST_F(VerifyTest, FindsSwappedLines) {
  auto lines = Lines(File());
  std::swap(lines[7], lines[8]);
  Save(lines);
  const VerifyReport report = Check();
  EXPECT_THAT(First(report), HasSubstr(At(8) + "(record 7): record 7 is missing before this line: deleted or moved"));
  EXPECT_THAT(report.findings[1].Text(), HasSubstr(At(9) + "(record 7): record 7 stands behind record 8"));
}

TEST_F(VerifyTest, FindsARepeatedLine) {
  auto lines = Lines(File());
  lines.insert(lines.begin() + 20, lines[12]);
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr(At(21) + "(record 12): record 12 stands behind record 19"));
}

TEST_F(VerifyTest, FindsAForgedLineWithTheChainComputedAnew) {
  auto lines = Lines(File());
  std::string forged = lines[24];
  Edit(forged, "bob", "eve");
  lines.insert(lines.begin() + 25, forged);
  Rechain(lines, 25);
  Save(lines);
  const VerifyReport report = Check();
  EXPECT_THAT(First(report), HasSubstr("checkpoints:"));
  EXPECT_THAT(First(report), HasSubstr("records 20 to 29 are not what was signed"));
}

TEST_F(VerifyTest, FindsAnEditWithTheChainComputedAnew) {
  auto lines = Lines(File());
  Edit(lines[2], "bob", "eve");
  Rechain(lines, 3);
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr("records 0 to 9 are not what was signed"));
}

TEST_F(VerifyTest, FindsTruncationUpToTheLastCheckpoint) {
  auto lines = Lines(File());
  lines.resize(38);
  Save(lines);
  const VerifyReport report = Check();
  EXPECT_THAT(First(report), HasSubstr("records 38 to 44 are missing: truncated"));
}

TEST_F(VerifyTest, FindsTruncationToACheckpoint) {
  auto lines = Lines(File());
  lines.resize(40);
  Save(lines);
  EXPECT_THAT(First(Check()), HasSubstr("records 40 to 44 are missing: truncated"));
}

TEST_F(VerifyTest, TruncationOfRecordsAndCheckpointsNeedsAnAnchor) {
  const auto anchor = Anchor(45);
  auto lines = Lines(File());
  lines.resize(20);
  Save(lines);
  auto notes = NoteTexts();
  notes.resize(2);
  SaveNotes(notes);
  EXPECT_THAT(First(Check()), HasSubstr("state")) << "the writer's own state gives it away";
  std::filesystem::remove(folder() / kState);
  const VerifyReport alone = Check();
  EXPECT_TRUE(alone.sound());
  EXPECT_EQ(alone.covered_outside, 0U);
  EXPECT_THAT(First(CheckAgainst(anchor)), HasSubstr("records 20 to 44 are missing: truncated"));
  VerifyOptions database;
  database.database = DatabaseFacts{45};
  EXPECT_THAT(First(Check(database)), HasSubstr("45 events were recorded"));
}

TEST_F(VerifyTest, TheDatabaseConvictsAForgeryThatLeftNoCheckpoints) {
  VerifyOptions options;
  options.database = DatabaseFacts{45, Open()->MakeReceipt(), "portcall.db"};
  EXPECT_EQ(First(Check(options)), "");
  EXPECT_EQ(Check(options).covered_outside, 45U);
  Forge();
  const VerifyReport alone = Check();
  EXPECT_TRUE(alone.sound());
  EXPECT_THAT(alone.notes, Contains(HasSubstr("none of the records is signed")));
  const VerifyReport report = Check(options);
  EXPECT_THAT(First(report), HasSubstr("checkpoints are missing"));
  ASSERT_THAT(report.findings, SizeIs(2));
  EXPECT_THAT(report.findings[1].Text(), HasSubstr("portcall.db (record 0): this checkpoint covers other records"));
}

TEST_F(VerifyTest, TheDatabaseTellsWhatWasAddedBehindTheLastCheckpoint) {
  VerifyOptions options;
  options.database = DatabaseFacts{45, Open()->MakeReceipt(), "portcall.db"};
  auto lines = Lines(File());
  lines.push_back(lines.back());
  Rechain(lines, 45);
  Save(lines);
  const char* what = "record 45 is vouched for by nothing";
  EXPECT_THAT(First(Check(options)), HasSubstr(std::string("jsonl (record 45): ") + what));
  EXPECT_TRUE(Check().sound()) << "the folder alone cannot know";
  EXPECT_THAT(Check().notes, Contains(HasSubstr(what)));
  const auto lock = LockFolder(folder());
  EXPECT_EQ(First(Check(options)), "") << "it is being written";
  EXPECT_THAT(Check(options).notes, Contains(HasSubstr(what)));
}

TEST_F(VerifyTest, TheDatabaseTellsShortenedCheckpoints) {
  VerifyOptions options;
  options.database = DatabaseFacts{45, Open()->MakeReceipt(), "portcall.db"};
  auto notes = NoteTexts();
  notes.pop_back();
  SaveNotes(notes);
  EXPECT_TRUE(Check().sound());
  EXPECT_THAT(First(Check(options)), HasSubstr("covers 40 records, but the database knows of one that covers 45"));
}

TEST_F(VerifyTest, TheDatabaseOfAnotherLogIsNoProof) {
  VerifyOptions options;
  std::string receipt = Open()->MakeReceipt();
  receipt.replace(receipt.find("\n45\n"), 4, "\n44\n");
  options.database = DatabaseFacts{45, receipt, "portcall.db"};
  EXPECT_THAT(First(Check(options)), HasSubstr("portcall.db: the database knows of another audit log"));
  options.database = DatabaseFacts{45, "", "portcall.db"};
  EXPECT_THAT(Check(options).notes, Contains(HasSubstr("carries no root yet")));
}

TEST_F(VerifyTest, ReadsTheOldLogsCheckpointOutOfTheNewOnesRecord) {
  const std::string receipt = Open()->MakeReceipt();
  const nlohmann::json record = {
      {"note", "endpoint audit: a new audit log begins in /audit; the one before:\n\n" + receipt}};
  WriteText(elsewhere_.File("new.jsonl"), record.dump() + '\n' + record.dump() + '\n');
  EXPECT_EQ(First(CheckAgainst(elsewhere_.File("new.jsonl"))), "");
  Forge();
  EXPECT_THAT(First(CheckAgainst(elsewhere_.File("new.jsonl"))), HasSubstr("covers other records"));
}

TEST_F(VerifyTest, FindsARemovedLog) {
  const auto anchor = Anchor(45);
  std::filesystem::remove(File());
  EXPECT_FALSE(Check().sound());
  std::filesystem::remove(Notes());
  std::filesystem::remove(folder() / kState);
  EXPECT_THAT(First(Check()), HasSubstr("no file of records"));
  EXPECT_FALSE(CheckAgainst(anchor).sound());
  std::filesystem::remove(folder() / kPublicKey);
  EXPECT_FALSE(CheckAgainst(anchor).sound());
}

TEST_F(VerifyTest, AFolderWithoutALogIsNotSound) {
  VerifyOptions options;
  options.folder = elsewhere_.path();
  options.key = key_->verifier();
  const auto report = Verify(options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().detail, HasSubstr("holds no audit log"));
}

// What retention does while the log is read.
TEST_F(VerifyTest, ASegmentThatGoesMeanwhileIsNoDamage) {
  Fill(46, 17'000, 1'000);
  options_.rotate_bytes = 4'000;
  Fill(17'001, 17'100);
  const auto segments = Segments();
  bool gone = false;
  VerifyOptions options;
  options.progress = [&](const VerifyProgress&) {
    if (std::exchange(gone, true)) return;
    Tidy(KeepFrom(segments[3].first), segments.back().first, *key_, log_);
  };
  EXPECT_EQ(First(Check(std::move(options))), "");
  EXPECT_TRUE(gone);
}

TEST_F(VerifyTest, ARecordBehindTheLastCheckpointMayBeTornAndIsToldOf) {
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(46, 47)));
  const std::string text = ReadText(File());
  WriteText(File(), text.substr(0, text.size() - 10));
  const VerifyReport report = Check();
  EXPECT_EQ(First(report), "");
  EXPECT_THAT(report.notes, Contains(HasSubstr("unfinished line")));
  EXPECT_EQ(report.covered, 45U);
  EXPECT_EQ(report.records(), 46U);
  WriteText(File(), text);
}

TEST_F(VerifyTest, FindsAReplacedKey) {
  const auto trusted = key_->verifier();
  const auto notes = NoteTexts();
  std::filesystem::remove(folder() / kPrivateKey);
  const auto other = MakeKey(folder() / kPrivateKey);
  WriteText(folder() / kPublicKey, other->verifier().Text() + '\n');
  EXPECT_THAT(First(Check()), HasSubstr("another key signed it"));
  // Even where everything was signed anew with it.
  std::vector<std::string> resigned;
  resigned.reserve(notes.size());
  for (const std::string& note : notes) resigned.push_back(other->Sign(Checkpoint::Parse(note)->Text()));
  SaveNotes(resigned);
  EXPECT_TRUE(Check().sound());
  VerifyOptions options;
  options.key = trusted;
  EXPECT_THAT(First(Check(options)), HasSubstr("another key signed it"));
}

TEST_F(VerifyTest, FindsAForgedCheckpoint) {
  auto notes = NoteTexts();
  Edit(notes[1], "\n20\n", "\n19\n");
  SaveNotes(notes);
  const VerifyReport report = Check();
  EXPECT_THAT(First(report), HasSubstr("this checkpoint was changed"));
  EXPECT_EQ(report.findings[0].line, 7U);
}

TEST_F(VerifyTest, FindsASignedCheckpointOfAnotherHistory) {
  const Checkpoint other{key_->verifier().name(), 30, Hash{}};
  WriteText(elsewhere_.File("anchor"), key_->Sign(other.Text()));
  EXPECT_THAT(First(CheckAgainst(elsewhere_.File("anchor"))), HasSubstr("anchor"));
}

// Where all logs of a registry send their checkpoints to one place.
TEST_F(VerifyTest, CheckpointsOfOtherLogsAreNoneOfItsOwn) {
  const auto file = elsewhere_.File("anchor");
  const auto sign = [&](const char* key, const std::string& origin) {
    const auto other = SigningKey::Load(elsewhere_.File(key), origin, true);
    return other->Sign(Checkpoint{origin, 30, Hash{}}.Text());
  };
  const std::string own = NoteTexts()[4], another = sign("a.key", "registry.example.com/other");
  WriteText(file, another + '\n' + own + '\n' + another);
  const VerifyReport report = CheckAgainst(file);
  EXPECT_EQ(First(report), "");
  EXPECT_EQ(report.covered_outside, 45U);
  EXPECT_THAT(report.notes, Contains(HasSubstr("2 of other logs")));

  VerifyOptions options;
  options.folder = folder();
  options.outside = {file};
  EXPECT_EQ(First(Check(options)), "") << "the origin tells, whatever the key is worth";
  WriteText(file, another);
  EXPECT_THAT(Verify(options).error().detail, HasSubstr("no checkpoint of registry.example.com, only 1 of other logs"));

  // The same origin may be this log's own, with the key that was replaced since.
  WriteText(file, own + '\n' + sign("b.key", "registry.example.com"));
  EXPECT_THAT(First(Check(options)), HasSubstr("another key signed it"));
  options.key = key_->verifier();
  EXPECT_EQ(First(Check(options)), "") << "but the key is known to be right";
  // Nor is one that claims this key's signature another log's.
  std::string changed = own;
  Edit(changed, "registry.example.com\n", "registry.example.org\n");
  WriteText(file, own + '\n' + changed);
  EXPECT_THAT(First(Check(options)), HasSubstr("this checkpoint was changed"));
}

TEST_F(VerifyTest, ReadsCheckpointsOutOfEvents) {
  const std::string note = NoteTexts().back();
  const nlohmann::json event = {{"specversion", "1.0"}, {"data", {{"note", note}}}};
  WriteText(elsewhere_.File("events"), event.dump() + '\n' + event.dump() + '\n');
  const VerifyReport report = CheckAgainst(elsewhere_.File("events"));
  EXPECT_EQ(First(report), "");
  EXPECT_EQ(report.covered_outside, 45U);
}

// Four times as many checkpoints take about four times as long; another key's are quick to tell, so that nothing else
// counts.
TEST_F(VerifyTest, TakesTimeInProportionToTheCheckpoints) {
  const std::string note = MakeKey(elsewhere_.File("other.key"))->Sign(Checkpoint::Parse(NoteTexts()[0])->Text());
  const auto seconds = [&](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += note + '\n';
    WriteText(Notes(), text);
    timespec begun{}, ended{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
    const VerifyReport report = Check();
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    EXPECT_GE(report.findings.size() + report.more, static_cast<std::size_t>(count));
    EXPECT_EQ(report.findings[1].line, 7U);
    return static_cast<double>(ended.tv_sec - begun.tv_sec) + 1e-9 * static_cast<double>(ended.tv_nsec - begun.tv_nsec);
  };
  const double few = seconds(2'000);
  EXPECT_LT(seconds(8'000), 8 * few);
}

TEST_F(VerifyTest, AnAnchorWithoutACheckpointIsAMistake) {
  VerifyOptions options;
  options.folder = folder();
  WriteText(elsewhere_.File("anchor"), "nothing\n");
  options.outside = {elsewhere_.File("anchor")};
  EXPECT_FALSE(Verify(options));
}

}  // namespace
}  // namespace portcall::sinks::audit
