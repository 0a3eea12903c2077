#include <gmock/gmock.h>

#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/verify.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using ::testing::HasSubstr;

// Somebody changes the folder under a log that is open, with 25 records and a checkpoint after each ten.
class AuditMeddlingTest : public AuditFolder {
 protected:
  AuditMeddlingTest() : open_(Open()) {
    for (const auto& [first, last] : {std::pair{1, 10}, {11, 20}, {21, 25}}) {
      if (!open_->Append(MakeEvents(first, last)) || !open_->Tick()) throw std::runtime_error("no log");
    }
    options_.receipt = open_->MakeReceipt();
  }
  std::filesystem::path First() const { return folder() / SegmentName(0); }
  std::filesystem::path Notes() const { return folder() / kCheckpoints; }
  // It says which file it was, and adds neither records nor a checkpoint.
  void ExpectNoticed(const std::string& name) {
    const auto segment = ReadText(First()), notes = ReadText(Notes());
    for (int i = 0; i < 2; ++i) {
      const auto appended = open_->Append(MakeEvents(26, 40));
      ASSERT_FALSE(appended);
      EXPECT_EQ(appended.error().code, Errc::kInvalid);
      EXPECT_THAT(appended.error().detail, HasSubstr(name));
      EXPECT_FALSE(open_->Tick());
      EXPECT_FALSE(open_->End());
    }
    EXPECT_EQ(ReadText(First()), segment);
    EXPECT_EQ(ReadText(Notes()), notes);
  }
  Result<std::unique_ptr<AuditLog>> OpenAgain() {
    open_.reset();
    return TryOpen();
  }

  std::unique_ptr<AuditLog> open_;
};

TEST_F(AuditMeddlingTest, CheckpointsThatAreRemoved) {
  std::filesystem::remove(Notes());
  ExpectNoticed(kCheckpoints);
  EXPECT_FALSE(std::filesystem::exists(Notes()));
  const auto again = OpenAgain();
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().detail, HasSubstr("checkpoints are gone"));
}

TEST_F(AuditMeddlingTest, CheckpointsThatAreRemovedBeforeAStop) {
  std::filesystem::remove(Notes());
  EXPECT_FALSE(open_->End());
  EXPECT_FALSE(std::filesystem::exists(Notes()));
}

TEST_F(AuditMeddlingTest, CheckpointsThatAreCutOrReplaced) {
  const auto notes = NoteTexts();
  SaveNotes({notes[0]});
  ExpectNoticed(kCheckpoints);
  SaveNotes(notes);
  EXPECT_TRUE(open_->Append(MakeEvents(26, 26))) << "as it was";
  std::filesystem::rename(Notes(), folder() / "other");
  SaveNotes(notes);
  ExpectNoticed(kCheckpoints);
  EXPECT_TRUE(OpenAgain()) << "the same checkpoints in another file do no harm";
}

TEST_F(AuditMeddlingTest, ACheckpointThatIsEdited) {
  auto notes = NoteTexts();
  Edit(notes.back(), "\n20\n", "\n19\n");
  SaveNotes(notes);
  const std::string before = ReadText(Notes());
  ASSERT_TRUE(open_->Append(MakeEvents(26, 30)));
  EXPECT_FALSE(open_->Tick());
  EXPECT_EQ(ReadText(Notes()), before);
}

TEST_F(AuditMeddlingTest, RecordsThatAreCut) {
  auto lines = Lines(First());
  lines.pop_back();
  SaveLines(First(), lines);
  ExpectNoticed(SegmentName(0));
  const auto again = OpenAgain();
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().detail, HasSubstr("24 records, but the database knows of 25"));
}

TEST_F(AuditMeddlingTest, RecordsThatAreAdded) {
  auto lines = Lines(First());
  lines.push_back(lines.back());
  SaveLines(First(), lines);
  ExpectNoticed(SegmentName(0));
  EXPECT_TRUE(OpenAgain());
  EXPECT_EQ(Seqs(), Range(1, 25));
  EXPECT_FALSE(Aside("unacknowledged-").empty());
}

TEST_F(AuditMeddlingTest, ALockThatIsRemoved) {
  std::filesystem::remove(folder() / "lock");
  ExpectNoticed("its lock");
  EXPECT_TRUE(OpenAgain());
}

TEST_F(AuditMeddlingTest, NothingButRetentionChangesTheCheckpointsAndGoesOn) {
  open_.reset();
  options_.rotate_bytes = 4'000;
  open_ = Open();
  ASSERT_TRUE(open_->Append(MakeEvents(26, 50)) && open_->Tick());
  ASSERT_TRUE(open_->Append(MakeEvents(51, 70)) && open_->Tick());
  const auto segments = Segments();
  ASSERT_GE(segments.size(), 2U);
  const auto before = NoteTexts().size();
  Tidy(KeepFrom(segments[1].first), open_->segment(), *key_, log_);
  ASSERT_TRUE(open_->Append(MakeEvents(71, 90)) && open_->Tick());
  EXPECT_LE(NoteTexts().size(), before);
  ASSERT_TRUE(open_->Append(MakeEvents(91, 110)) && open_->Tick());
  EXPECT_TRUE(open_->End());
}

}  // namespace
}  // namespace portcall::sinks::audit
