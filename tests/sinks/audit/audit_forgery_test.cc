#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/housekeeping.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class AuditForgeryTest : public AuditFolder {
 protected:
  std::filesystem::path First() const { return folder() / SegmentName(0); }
  void Cut(const std::filesystem::path& file, std::uintmax_t from_end) {
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - from_end);
  }
};

TEST_F(AuditForgeryTest, RefusesATruncatedFolder) {
  Fill(1, 20);
  const auto lines = Lines(First());
  std::string less;
  for (int i = 0; i < 15; ++i) less += lines[static_cast<std::size_t>(i)] + '\n';
  WriteText(First(), less);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kInvalid);
  EXPECT_THAT(opened.error().detail, HasSubstr("15 records"));
}

TEST_F(AuditForgeryTest, RefusesAnotherKey) {
  Fill(1, 20);
  std::filesystem::remove(folder() / kPrivateKey);
  key_ = MakeKey(folder() / kPrivateKey);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("another key"));
}

TEST_F(AuditForgeryTest, RefusesLostCheckpoints) {
  Fill(1, 20);
  std::filesystem::remove(folder() / kCheckpoints);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("checkpoints"));
}

TEST_F(AuditForgeryTest, RefusesAForgeryThatOnlyTheDatabaseTells) {
  Fill(1, 20);
  options_.receipt = Open()->MakeReceipt();
  Forge();
  const std::string forged = ReadText(First());
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kInvalid);
  EXPECT_THAT(opened.error().detail, HasSubstr("checkpoints are gone"));
  EXPECT_EQ(ReadText(First()), forged);
  EXPECT_FALSE(std::filesystem::exists(folder() / kCheckpoints)) << "it was signed";
}

TEST_F(AuditForgeryTest, RefusesAForgeryBeforeTheFirstCheckpoint) {
  options_.receipt = Crash(1, 8);
  Forge();
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("not those that the database knows of"));
}

TEST_F(AuditForgeryTest, RefusesAForgeryBehindTheLastCheckpoint) {
  Fill(1, 20);
  options_.receipt = Crash(21, 25);
  auto lines = Lines(First());
  Edit(lines[22], "bob", "eve");
  Rechain(lines, 23);
  SaveLines(First(), lines);
  EXPECT_FALSE(TryOpen());
}

TEST_F(AuditForgeryTest, RefusesShortenedCheckpoints) {
  Fill(1, 30);
  options_.receipt = Open()->MakeReceipt();
  auto notes = NoteTexts();
  notes.pop_back();
  SaveNotes(notes);
  std::filesystem::remove(folder() / kState);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("covers 30"));
}

TEST_F(AuditForgeryTest, RefusesSegmentsThatNoCheckpointClosed) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  std::filesystem::remove(folder() / kCheckpoints);
  std::filesystem::remove(folder() / kState);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("is gone"));
}

TEST_F(AuditForgeryTest, RefusesAFolderShorterThanTheDatabaseKnows) {
  options_.receipt = Crash(1, 8);
  auto lines = Lines(First());
  lines.resize(6);
  SaveLines(First(), lines);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("6 records, but the database knows of 8"));
}

TEST_F(AuditForgeryTest, RefusesAReceiptThatItsKeyDidNotSign) {
  options_.receipt = Crash(1, 8);
  options_.receipt.replace(options_.receipt.find("\n8\n"), 3, "\n7\n");
  EXPECT_FALSE(TryOpen());
  options_.receipt.clear();
  EXPECT_TRUE(TryOpen()) << "a database of an older version has none";
}

}  // namespace
}  // namespace portcall::sinks::audit
