#include "sinks/audit/log/trimming.h"

#include <gmock/gmock.h>

#include "sinks/audit/log/note_reader.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using ::testing::Ge;
using ::testing::SizeIs;

class TrimmingTest : public AuditFolder {
 protected:
  std::filesystem::path Notes() const { return folder() / kCheckpoints; }
  // The sizes that the notes of a file claim.
  static std::vector<std::uint64_t> Sizes(const std::filesystem::path& file, std::uint64_t from = 0) {
    std::vector<std::uint64_t> sizes;
    auto notes = NoteReader::Open(file, from);
    EXPECT_TRUE(notes);
    while (notes) {
      const auto note = notes->Next();
      EXPECT_TRUE(note);
      if (!note || !*note) break;
      if (const auto checkpoint = Checkpoint::Parse((*note)->text)) sizes.push_back(checkpoint->size);
    }
    return sizes;
  }
  std::string NoteOf(std::uint64_t size) const {
    return key_->Sign(Checkpoint{"registry.example.com", size, Hash{}}.Text());
  }
  void WriteNotes(std::uint64_t first, std::uint64_t last) const {
    std::string text;
    for (std::uint64_t size = first; size <= last; ++size) text += (text.empty() ? "" : "\n") + NoteOf(size);
    WriteText(Notes(), text);
  }
};

TEST_F(TrimmingTest, NotesAreReadOneAfterAnotherHoweverManyThereAre) {
  WriteNotes(1, 2'000);
  const auto sizes = Sizes(Notes());
  ASSERT_THAT(sizes, SizeIs(2'000));
  EXPECT_TRUE(std::ranges::is_sorted(sizes));
  auto notes = NoteReader::Open(Notes());
  const auto first = notes->Next();
  EXPECT_EQ((*first)->text, NoteOf(1));
  EXPECT_THAT(Sizes(Notes(), (*first)->end), SizeIs(1'999));
}

TEST_F(TrimmingTest, WhatIsNoNoteIsPassed) {
  WriteText(Notes(),
            NoteOf(1) + '\n' + std::string(3'000'000, 'x') + "\n\n" + NoteOf(2) + '\n' + NoteOf(3) + "\nunfinished");
  const auto sizes = Sizes(Notes());
  EXPECT_EQ(sizes.front(), 1U);
  EXPECT_EQ(sizes.back(), 3U);
}

TEST_F(TrimmingTest, WhatWasAddedSinceTheCopyWasMadeStays) {
  WriteNotes(1, 1'000);
  ASSERT_TRUE(PrepareTrimming(folder(), 900));
  const std::string before = ReadText(Notes());
  WriteText(Notes(), before + '\n' + NoteOf(1'001));
  const auto size = std::filesystem::file_size(Notes());
  const auto gone = FinishTrimming(folder(), size);
  ASSERT_TRUE(gone) << gone.error().detail;
  EXPECT_EQ(std::filesystem::file_size(Notes()), size - *gone);
  const auto sizes = Sizes(Notes());
  ASSERT_THAT(sizes, SizeIs(102));
  EXPECT_EQ(sizes.front(), 900U);
  EXPECT_EQ(sizes.back(), 1'001U);
  EXPECT_TRUE(Aside("checkpoints.trimmed").empty());
}

TEST_F(TrimmingTest, WhereNothingIsToGoNoCopyIsMade) {
  WriteNotes(5, 50);
  for (const std::uint64_t records : {0U, 5U, 51U}) {
    ASSERT_TRUE(PrepareTrimming(folder(), records));
    EXPECT_TRUE(Aside("checkpoints.trimmed").empty()) << records;
  }
  EXPECT_EQ(*FinishTrimming(folder(), std::filesystem::file_size(Notes())), 0U);
}

TEST_F(TrimmingTest, ACopyOfWhatIsNoLongerThereIsDropped) {
  WriteNotes(1, 100);
  ASSERT_TRUE(PrepareTrimming(folder(), 50));
  WriteNotes(101, 200);
  const std::string there = ReadText(Notes());
  EXPECT_EQ(*FinishTrimming(folder(), there.size()), 0U);
  EXPECT_EQ(ReadText(Notes()), there);
  EXPECT_TRUE(Aside("checkpoints.trimmed").empty());
}

TEST_F(TrimmingTest, ALogThatIsBeingWrittenLosesWhatRetentionRemovedAlone) {
  options_.rotate_bytes = 4'000;
  auto log = Open();
  const auto write = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t seq = first; seq <= last; ++seq) {
      ASSERT_TRUE(log->Append(MakeEvents(seq, seq)));
      ASSERT_TRUE(log->Tick());
    }
  };
  write(1, 50);
  const auto segments = Segments();
  Tidy(KeepFrom(segments[2].first), log->segment(), *key_, log_);
  write(51, 70);
  ASSERT_TRUE(log->End());
  const auto sizes = Sizes(Notes());
  EXPECT_THAT(sizes, ::testing::Each(Ge(segments[2].first)));
  EXPECT_EQ(sizes.back(), 70U);
  log.reset();
  EXPECT_TRUE(TryOpen());
}

}  // namespace
}  // namespace portcall::sinks::audit
