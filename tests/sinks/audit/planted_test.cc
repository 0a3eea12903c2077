#include <gmock/gmock.h>
#include <sys/stat.h>

#include <functional>

#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/trimming.h"
#include "sinks/audit/log/verify.h"
#include "sinks/audit/sink/look.h"
#include "tests/sinks/audit/fixture.h"
#include "tests/sinks/audit/said.h"

namespace portcall::sinks::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
namespace fs = std::filesystem;

// Somebody puts things into the folder of a log that holds 25 records, which the database knows of.
class PlantedTest : public AuditFolder {
 protected:
  PlantedTest() : outside_(other_.path() / "precious") {
    Fill(1, 25);
    options_.receipt = Open()->MakeReceipt();
    WriteText(outside_, kPrecious);
  }
  fs::path Name(std::uint64_t first) const { return folder() / SegmentName(first); }
  std::vector<std::string> Findings() {
    VerifyOptions options;
    options.folder = folder();
    options.key = key_->verifier();
    options.database = DatabaseFacts{25, options_.receipt, "portcall.db"};
    const auto report = Verify(options);
    if (!report) return {report.error().detail};
    std::vector<std::string> texts;
    for (const Finding& finding : report->findings) texts.push_back(finding.Text());
    return texts;
  }
  void ExpectUntouched() const { EXPECT_EQ(ReadText(outside_), kPrecious); }
  // Each kind of thing that is no file of the log, under that name.
  void ForEachStranger(const fs::path& name, const std::function<void(const std::string&)>& check) {
    fs::create_symlink(outside_, name);
    check("a symbolic link");
    fs::remove(name);
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    check("a pipe");
    fs::remove(name);
    fs::create_directory(name);
    check("a folder");
    fs::remove(name);
  }

  static constexpr const char* kPrecious = "somebody else's\n";
  portcall::testing::TempDir other_;
  fs::path outside_;
};

TEST_F(PlantedTest, WhatHasTheNameOfRecordsToComeIsLeftAlone) {
  const fs::path planted = Name(999'999);
  WriteText(planted, kPrecious);
  auto log = Open();
  ASSERT_TRUE(log->Append(MakeEvents(26, 40)) && log->End());
  EXPECT_EQ(ReadText(planted), kPrecious);
  EXPECT_THAT(Findings(), ::testing::Contains(HasSubstr(planted.string())));
  fs::remove(planted);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(PlantedTest, WhatIsNoFileIsNeitherFollowedNorWaitedFor) {
  ForEachStranger(Name(999'999), [this](const std::string& what) {
    const auto log = TryOpen();
    EXPECT_TRUE(log) << what;
    EXPECT_THAT(Findings(), ::testing::Contains(HasSubstr(what + ", and no file of the log: put there")));
  });
  ExpectUntouched();
}

TEST_F(PlantedTest, TheNameOfTheNextSegmentIsTaken) {
  options_.rotate_bytes = 1;
  ForEachStranger(Name(25), [this](const std::string& what) {
    auto log = Open();
    const auto appended = log->Append(MakeEvents(26, 26));
    ASSERT_FALSE(appended) << what;
    EXPECT_EQ(appended.error().code, Errc::kInvalid);
    EXPECT_THAT(appended.error().detail, HasSubstr(Name(25).string() + " is " + what));
  });
  ExpectUntouched();
  ASSERT_TRUE(Open()->Append(MakeEvents(26, 26)));
  EXPECT_EQ(Seqs(), Range(1, 26));
}

TEST_F(PlantedTest, AFileUnderTheNameOfTheNextSegmentIsKeptAside) {
  options_.rotate_bytes = 1;
  auto log = Open();
  WriteText(Name(25), kPrecious);
  EXPECT_EQ(log->Append(MakeEvents(26, 26)).error().code, Errc::kInvalid);
  EXPECT_EQ(ReadText(Name(25)), kPrecious);
  log.reset();
  log = Open();
  ASSERT_FALSE(Aside("unacknowledged-").empty());
  EXPECT_EQ(ReadText(Aside("unacknowledged-")), kPrecious);
  ASSERT_TRUE(log->Append(MakeEvents(26, 26)));
  EXPECT_EQ(Seqs(), Range(1, 26));
}

TEST_F(PlantedTest, JunkUnderTheCompressedNameOfTheNextSegmentIsKeptAside) {
  const std::string receipt = options_.receipt;
  std::int64_t next = 26;
  for (const std::string& known : {receipt, std::string()}) {
    const fs::path junk = Name(static_cast<std::uint64_t>(next - 1)).concat(".gz");
    WriteText(junk, kPrecious);
    options_.receipt = known;
    auto log = TryOpen();
    ASSERT_TRUE(log) << log.error().detail;
    EXPECT_FALSE(fs::exists(junk));
    EXPECT_EQ(ReadText(Aside("damaged-")), kPrecious);
    fs::remove(Aside("damaged-"));
    ASSERT_TRUE((*log)->Append(MakeEvents(next, next)) && (*log)->End());
    EXPECT_EQ(Seqs(), Range(1, next++));
  }
}

// The other way round: what is refused is left as it is.
TEST_F(PlantedTest, JunkStaysWhereItIsInALogThatIsRefused) {
  const fs::path junk = Name(25).concat(".gz");
  WriteText(junk, kPrecious);
  fs::remove(Name(0));
  EXPECT_FALSE(TryOpen());
  EXPECT_EQ(ReadText(junk), kPrecious);
}

// Even in its times: who holds them against what they were would read all of it again.
TEST_F(PlantedTest, ARefusedFolderIsLeftAsItIs) {
  Tidy(KeepFrom(0), 25, *key_, log_);
  ASSERT_FALSE(fs::exists(Name(0))) << "no segment is left to go on with";
  ForEachStranger(Name(25), [this](const std::string& what) {
    for (const char* name : {kCheckpoints, kState, "lock"}) {
      fs::last_write_time(folder() / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
    const std::string before = LookOfFolder(folder());
    const auto opened = TryOpen();
    ASSERT_FALSE(opened) << what;
    EXPECT_EQ(opened.error().code, Errc::kInvalid);
    EXPECT_EQ(LookOfFolder(folder()), before) << what;
  });
  EXPECT_TRUE(TryOpen());
}

TEST_F(PlantedTest, AFileInTheMidstOfAnotherIsNamedAndStays) {
  WriteText(Name(5), kPrecious);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr(Name(5).string() + " begins with record 5 by its name"));
  const std::string said = Said([&](runtime::Log& log) { Tidy(KeepFrom(25), 25, *key_, log); });
  EXPECT_THAT(said, HasSubstr(Name(5).string() + " begins by its name with a record that stands in the midst of " +
                              Name(0).string() + ": somebody put it there"));
  Tidy(KeepFrom(0), 25, *key_, log_);
  EXPECT_EQ(ReadText(Name(5)), kPrecious);
  EXPECT_FALSE(fs::exists(Name(5).string() + ".gz"));
  fs::remove(Name(5));
  EXPECT_TRUE(TryOpen());
}

TEST_F(PlantedTest, TheLogsOtherFilesAreNotFollowedEither) {
  for (const char* name : {kCheckpoints, kRetained, "lock", kState}) {
    SCOPED_TRACE(name);
    const fs::path path = folder() / name, kept = other_.path() / "kept";
    const bool was = fs::exists(path);
    if (was) fs::rename(path, kept);
    ForEachStranger(path, [&](const std::string& what) {
      const auto opened = TryOpen();
      if (name == std::string(kState) || name == std::string(kRetained)) {  // a start that needs neither does without
        EXPECT_TRUE(opened);
        EXPECT_THAT(Findings(), ::testing::Contains(HasSubstr(path.string())));
        return;
      }
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, Errc::kInvalid);
      EXPECT_THAT(opened.error().detail, HasSubstr(path.string() + " is " + what));
    });
    if (was) fs::rename(kept, path);
    ExpectUntouched();
  }
  EXPECT_TRUE(TryOpen());
}

TEST_F(PlantedTest, VerifySaysWhatLiesInPlaceOfTheCheckpoints) {
  fs::rename(folder() / kCheckpoints, other_.path() / "kept");
  ForEachStranger(folder() / kCheckpoints, [this](const std::string& what) {
    EXPECT_THAT(Findings(), ::testing::Contains(HasSubstr(std::string(kCheckpoints) + " is " + what)));
  });
}

TEST_F(PlantedTest, AKeyThatIsAPipeHoldsUpNothing) {
  const fs::path key = folder() / kPrivateKey;
  fs::remove(key);
  ForEachStranger(key, [&](const std::string& what) {
    const auto loaded = SigningKey::Load(key, "registry.example.com", /*make=*/true);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().detail, HasSubstr(what));
  });
}

TEST_F(PlantedTest, NothingIsWrittenThroughALinkBesideTheCheckpoints) {
  fs::create_symlink(outside_, folder() / "checkpoints.trimmed.tmp");
  ASSERT_TRUE(PrepareTrimming(folder(), 20));
  ExpectUntouched();
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().filename().string().starts_with("checkpoints.trimmed-")) fs::remove(entry.path());
  }
  fs::create_symlink(outside_, folder() / "checkpoints.trimmed-0-16");
  EXPECT_FALSE(FinishTrimming(folder(), 4'096));
  ExpectUntouched();
}

TEST_F(PlantedTest, WhateverIsAddedToCheckpointsRemovesNone) {
  options_.receipt.clear();
  const std::string notes = ReadText(folder() / kCheckpoints);
  const std::string changed = notes + std::string(100'000, 'x');
  WriteText(folder() / kCheckpoints, changed);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("does not end in a checkpoint"));
  EXPECT_EQ(ReadText(folder() / kCheckpoints), changed);
}

TEST_F(PlantedTest, AnEndlessLineIsKeptAsideWhole) {
  const auto size = fs::file_size(Name(0));
  fs::resize_file(Name(0), size + (100ull << 20));
  auto log = Open();
  EXPECT_EQ(fs::file_size(Aside("unacknowledged-")), 100ull << 20);
  ASSERT_TRUE(log->Append(MakeEvents(26, 30)));
  EXPECT_EQ(Seqs(), Range(1, 30));
}

// The folder as it was, and all that speaks for it there, but not the database.
TEST_F(PlantedTest, AnOlderCopyWithItsStateIsFound) {
  const portcall::testing::TempDir kept;
  fs::copy(folder(), kept.path());
  {
    auto log = Open();
    ASSERT_TRUE(log->Append(MakeEvents(26, 45)) && log->End());
    options_.receipt = log->MakeReceipt();
  }
  fs::remove_all(folder());
  fs::copy(kept.path(), folder());
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("the database knows of"));
  EXPECT_THAT(Findings(), Not(IsEmpty()));
}

}  // namespace
}  // namespace portcall::sinks::audit
