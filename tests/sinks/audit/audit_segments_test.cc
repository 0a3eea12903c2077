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

class AuditSegmentsTest : public AuditFolder {
 protected:
  std::filesystem::path First() const { return folder() / SegmentName(0); }
  void Cut(const std::filesystem::path& file, std::uintmax_t from_end) {
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - from_end);
  }
};

TEST_F(AuditSegmentsTest, RotatesBySizeAndCarriesTheHashOver) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const auto segments = Segments();
  ASSERT_GE(segments.size(), 3U);
  std::uint64_t n = 0;
  for (const Segment& segment : segments) {
    EXPECT_EQ(segment.first, n);
    EXPECT_EQ(segment.file.filename(), SegmentName(n));
    n += Lines(segment.file).size();
  }
  for (std::size_t i = 1; i < segments.size(); ++i) {
    EXPECT_THAT(ReadText(folder() / kCheckpoints), HasSubstr("\n" + std::to_string(segments[i].first) + "\n"));
  }
  const auto before = Lines(segments[0].file).back();
  const auto next = Lines(segments[1].file);
  const auto after = LinkOf(next.front());
  EXPECT_EQ(after->prev, runtime::HashHex("sha256", std::string(1, '\0') + before));
  Fill(51, 60);
  EXPECT_EQ(Seqs(), Range(1, 60));
}

TEST_F(AuditSegmentsTest, AClosedSegmentEndsWithACheckpointThoughNoneIsDue) {
  options_.rotate_bytes = 4'000;
  options_.checkpoint_records = 1'000;
  Fill(1, 50);
  const auto segments = Segments();
  ASSERT_GE(segments.size(), 3U);
  std::vector<std::uint64_t> wanted, covered;
  for (std::size_t i = 1; i < segments.size(); ++i) wanted.push_back(segments[i].first);
  for (const std::string& note : NoteTexts()) covered.push_back(Checkpoint::Parse(note)->size);
  EXPECT_THAT(covered, ::testing::IsSupersetOf(wanted));
}

TEST_F(AuditSegmentsTest, RotatesByTime) {
  options_.rotate_interval = 1h;
  Fill(1, 3);
  clock_.Advance(30min);
  Fill(4, 6);
  EXPECT_THAT(Segments(), SizeIs(1));
  clock_.Advance(31min);
  Fill(7, 9);
  EXPECT_THAT(Segments(), SizeIs(2));
  EXPECT_EQ(Segments()[1].first, 6U);
}

TEST_F(AuditSegmentsTest, CompressesClosedSegments) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const std::uint64_t active = Segments().back().first;
  Tidy({.folder = folder(), .clock = &clock_}, active, *key_, log_);
  const auto segments = Segments();
  for (const Segment& segment : segments) EXPECT_EQ(segment.compressed, segment.first != active);
  Fill(51, 60);
  std::filesystem::remove(folder() / kState);
  Fill(61, 62);
  EXPECT_EQ(Seqs(), Range(1, 62));
}

TEST_F(AuditSegmentsTest, RetentionRemovesOldSegmentsAndGoesOn) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const auto segments = Segments();
  const Segment& last = segments.back();
  Tidy(KeepFrom(segments[2].first), last.first, *key_, log_);
  EXPECT_EQ(Segments().front().first, segments[2].first);
  EXPECT_EQ(LoadRetained(folder(), key_->verifier())->size(), segments[2].first);
  std::filesystem::remove(folder() / kState);
  Fill(51, 70);
  EXPECT_EQ(Seqs(), Range(static_cast<std::int64_t>(segments[2].first) + 1, 70));
  // Checkpoints of what is gone are gone.
  const auto first = Checkpoint::Parse(ReadText(folder() / kCheckpoints));
  EXPECT_GE(first->size, segments[2].first);
}

TEST_F(AuditSegmentsTest, RetentionKeepsWhatWasTamperedWith) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const auto segments = Segments();
  std::string text = ReadText(segments[0].file);
  Edit(text, "alice", "mally");
  WriteText(segments[0].file, text);
  Tidy(KeepFrom(segments[2].first), segments.back().first, *key_, log_);
  EXPECT_EQ(Segments().front().first, 0U);
}

// Edits the first segment and makes the whole chain follow, as somebody could who stopped the server.
TEST_F(AuditSegmentsTest, RetentionKeepsWhatAnotherChainWasMadeOf) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const auto segments = Segments();
  auto lines = AllLines();
  Edit(lines[2], "bob", "eve");
  Rechain(lines, 3);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t end = i + 1 < segments.size() ? segments[i + 1].first : lines.size();
    SaveLines(segments[i].file, {lines.begin() + static_cast<std::ptrdiff_t>(segments[i].first),
                                 lines.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  Tidy(KeepFrom(segments[2].first), segments.back().first, *key_, log_);
  EXPECT_EQ(Segments().front().first, 0U);
  EXPECT_FALSE(std::filesystem::exists(folder() / kRetained));
}

TEST_F(AuditSegmentsTest, RetentionKeepsWhatNoCheckpointCovers) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const auto segments = Segments();
  auto notes = NoteTexts();
  std::erase_if(notes, [&](const auto& note) { return Checkpoint::Parse(note)->size == segments[1].first; });
  SaveNotes(notes);
  Tidy(KeepFrom(segments[2].first), segments.back().first, *key_, log_);
  EXPECT_EQ(Segments().front().first, 0U);
}

TEST_F(AuditSegmentsTest, ASegmentIsAsOldAsItsLastRecordWhateverItsFileSays) {
  options_.rotate_bytes = 4'000;
  Fill(1, 50);
  const auto segments = Segments();
  ASSERT_GE(segments.size(), 4U);
  for (const Segment& segment : segments) {
    std::filesystem::last_write_time(segment.file, std::filesystem::file_time_type::clock::now() - 50'000h);
  }
  // The second segment's last record has just not become old.
  Housekeeping task = KeepFrom(segments[2].first);
  clock_.Advance(-1ns);
  const std::string oldest = Tidy(task, segments.back().first, *key_, log_);
  EXPECT_EQ(Segments().front().first, segments[1].first);
  EXPECT_FALSE(task.IsOld(oldest));
  clock_.Advance(1ns);
  EXPECT_TRUE(task.IsOld(oldest));
  for (const Segment& segment : Segments()) {
    std::filesystem::last_write_time(segment.file, std::filesystem::file_time_type::clock::now());
  }
  Tidy(task, segments.back().first, *key_, log_);
  EXPECT_EQ(Segments().front().first, segments[2].first);
}

}  // namespace
}  // namespace portcall::sinks::audit
