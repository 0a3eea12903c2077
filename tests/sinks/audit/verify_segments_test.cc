#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "sinks/audit/log/housekeeping.h"
#include "sinks/audit/log/position.h"
#include "sinks/audit/log/verify.h"
#include "tests/sinks/audit/verify_fixture.h"

namespace portcall::sinks::audit {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class VerifySegmentsTest : public VerifyTest {
 protected:
  VerifySegmentsTest() {
    options_.rotate_bytes = 4'000;
    Fill(46, 120);
    segments_ = Segments();
  }
  void Pack() {
    Tidy({.folder = folder()}, segments_.back().first, *key_, log_);
    segments_ = Segments();
  }
  std::vector<Segment> segments_;
};

TEST_F(VerifySegmentsTest, SegmentsAreReadWhetherCompressedOrNot) {
  ASSERT_GE(segments_.size(), 5U);
  EXPECT_EQ(First(Check()), "");
  Pack();
  EXPECT_TRUE(segments_[0].compressed);
  const VerifyReport report = Check();
  EXPECT_EQ(First(report), "");
  EXPECT_EQ(report.records(), 120U);
  EXPECT_EQ(report.segments, segments_.size());
}

TEST_F(VerifySegmentsTest, FindsADeletedSegment) {
  std::filesystem::remove(segments_[2].file);
  const VerifyReport report = Check();
  EXPECT_THAT(First(report), HasSubstr("records " + std::to_string(segments_[2].first) + " to " +
                                       std::to_string(segments_[3].first - 1) + " are missing"));
  EXPECT_THAT(report.findings, SizeIs(1));
}

TEST_F(VerifySegmentsTest, FindsTheOldestSegmentDeleted) {
  std::filesystem::remove(segments_[0].file);
  EXPECT_THAT(First(Check()), HasSubstr("records 0 to"));
}

// Empty, it has no line that could be wrong.
TEST_F(VerifySegmentsTest, FindsAnEmptyFileInTheMidstOfASegment) {
  for (const std::uint64_t first : {6U, 10U}) {  // the latter has a checkpoint before it
    const std::filesystem::path stranger = folder() / SegmentName(first);
    WriteText(stranger, "");
    const VerifyReport report = Check();
    ASSERT_FALSE(report.sound());
    EXPECT_THAT(report.findings.back().Text(),
                HasSubstr(stranger.string() + " (record " + std::to_string(first) + ")"));
    EXPECT_EQ(report.end, 120U) << "the rest is read";
    std::filesystem::remove(stranger);
  }
  EXPECT_EQ(First(Check()), "");
}

TEST_F(VerifySegmentsTest, FindsTheNewestSegmentDeleted) {
  std::filesystem::remove(segments_.back().file);
  EXPECT_THAT(First(Check()), HasSubstr("truncated"));
}

TEST_F(VerifySegmentsTest, FindsATruncatedSegmentInTheMiddle) {
  auto lines = Lines(segments_[2].file);
  lines.pop_back();
  SaveLines(segments_[2].file, lines);
  EXPECT_THAT(First(Check()), HasSubstr(segments_[3].file.string()));
}

TEST_F(VerifySegmentsTest, FindsAnEditInsideACompressedSegment) {
  Pack();
  std::string bytes = ReadText(segments_[1].file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x10);
  WriteText(segments_[1].file, bytes);
  const VerifyReport report = Check();
  ASSERT_FALSE(report.sound());
  EXPECT_EQ(report.findings[0].file, segments_[1].file.string());
  EXPECT_GE(report.findings[0].record.value_or(0), segments_[1].first - 1);
}

TEST_F(VerifySegmentsTest, FindsBytesBehindACompressedSegment) {
  Pack();
  WriteText(segments_[1].file, ReadText(segments_[1].file) + "x");
  EXPECT_THAT(First(Check()), HasSubstr("bytes follow"));
}

TEST_F(VerifySegmentsTest, FindsAShortenedCompressedSegment) {
  Pack();
  const std::string bytes = ReadText(segments_[1].file);
  WriteText(segments_[1].file, bytes.substr(0, bytes.size() - 30));
  EXPECT_FALSE(Check().sound());
}

TEST_F(VerifySegmentsTest, KnowsWhereTheChainBeginsAfterRetention) {
  Tidy(KeepFrom(segments_[2].first), segments_.back().first, *key_, log_);
  const VerifyReport report = Check();
  EXPECT_EQ(First(report), "");
  EXPECT_EQ(report.first, segments_[2].first);
  EXPECT_THAT(report.notes, Contains(HasSubstr("removed by retention")));
  // One more than was signed away.
  std::filesystem::remove(Segments()[0].file);
  EXPECT_FALSE(Check().sound());
}

TEST_F(VerifySegmentsTest, FindsThatTheCheckpointsAreGone) {
  std::filesystem::remove(Notes());
  std::filesystem::remove(folder() / kState);
  EXPECT_THAT(First(Check()), HasSubstr("the one of the records before " + std::to_string(segments_[1].first) +
                                        " and " + std::to_string(segments_.size() - 2) + " more is missing"));
}

TEST_F(VerifySegmentsTest, FindsThatTheCheckpointOfRetentionIsGone) {
  Tidy(KeepFrom(segments_[2].first), segments_.back().first, *key_, log_);
  auto notes = NoteTexts();
  std::erase_if(notes, [&](const auto& note) { return Checkpoint::Parse(note)->size <= segments_[2].first; });
  SaveNotes(notes);
  EXPECT_THAT(First(Check()), HasSubstr("the records before " + std::to_string(segments_[2].first) + " is missing"));
}

TEST_F(VerifySegmentsTest, FindsForgedRetention) {
  Position position = *LoadState(folder());
  WriteText(folder() / kRetained, MakeKey(elsewhere_.File("other.key"))->Sign(EncodePosition(position)));
  EXPECT_THAT(First(Check()), HasSubstr("retained"));
}

}  // namespace
}  // namespace portcall::sinks::audit
