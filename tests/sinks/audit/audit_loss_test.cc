#include <gmock/gmock.h>

#include <set>

#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/verify.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using Names = std::set<std::string>;

// Files that somebody removes, who has the host in hand, from a log that has all kinds of them: a beginning that
// retention moved, segments that are packed, one that is closed, and the one that is written.
class AuditLossTest : public AuditFolder {
 protected:
  AuditLossTest() { Build(); }

  void Build() {
    std::filesystem::remove_all(folder());
    std::filesystem::create_directory(folder());
    key_ = MakeKey(folder() / kPrivateKey);
    options_.receipt.clear();
    options_.rotate_bytes = 8'000;
    clock_.SetWall(RecordedAt(0));
    open_ = Open();
    Append(1, 60);
    const auto segments = Segments();
    ASSERT_GE(segments.size(), 4U);
    Tidy(KeepFrom(segments[1].first), segments.back().first, *key_, log_);
    Append(61, 80);
  }
  void Append(std::int64_t first, std::int64_t last) {
    for (; first <= last; first += 10) {
      if (!open_->Append(MakeEvents(first, first + 9)) || !open_->Tick()) break;
    }
    options_.receipt = open_->MakeReceipt();
  }
  void Stop() {
    (void)open_->End();
    open_.reset();
  }
  Names All() const {
    Names names;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) names.insert(entry.path().filename());
    return names;
  }
  void Remove(const Names& names) {
    for (const std::string& name : names) std::filesystem::remove(folder() / name);
  }
  bool IsSound(const VerifierKey& trusted) {
    VerifyOptions options;
    options.folder = folder();
    options.key = trusted;
    options.database = DatabaseFacts{80, options_.receipt, "portcall.db"};
    const auto report = Verify(options);
    return report && report->sound();
  }
  // What is proven does not rest on them.
  static bool CanBeSpared(const std::string& name) { return Names{kState, kPublicKey, "lock"}.contains(name); }
  static bool CanBeSparedByVerify(const std::string& name) { return CanBeSpared(name) || name == kPrivateKey; }

  std::unique_ptr<AuditLog> open_;
};

TEST_F(AuditLossTest, WhicheverTwoFilesGoAfterAStop) {
  Stop();
  const VerifierKey trusted = key_->verifier();
  const std::string last = Segments().back().file.filename();
  const portcall::testing::TempDir kept;
  std::filesystem::copy(folder(), kept.path());
  const Names names = All();
  ASSERT_GE(names.size(), 10U);
  for (auto one = names.begin(); one != names.end(); ++one) {
    for (auto other = one; other != names.end(); ++other) {
      SCOPED_TRACE(*one + " and " + *other);
      std::filesystem::remove_all(folder());
      std::filesystem::copy(kept.path(), folder());
      const Names gone{*one, *other};
      Remove(gone);
      EXPECT_EQ(IsSound(trusted), std::ranges::all_of(gone, CanBeSparedByVerify));
      key_ = MakeKey(folder() / kPrivateKey);  // as a start does
      const bool opens = static_cast<bool>(TryOpen());
      if (std::ranges::all_of(gone, CanBeSpared)) EXPECT_TRUE(opens);
      // What stands between is left to verify.
      if (gone.contains(last) || gone.contains(kCheckpoints) || gone.contains(kPrivateKey)) EXPECT_FALSE(opens);
    }
  }
}

TEST_F(AuditLossTest, WhicheverFileGoesWhileItIsWritten) {
  for (const std::string& name : All()) {
    SCOPED_TRACE(name);
    Build();
    const VerifierKey trusted = key_->verifier();
    Remove({name});
    Append(81, 120);
    Stop();
    EXPECT_EQ(IsSound(trusted), CanBeSparedByVerify(name));
  }
}

}  // namespace
}  // namespace portcall::sinks::audit
