#include <gmock/gmock.h>

#include "sinks/audit/log/receipt.h"
#include "tests/sinks/audit/audit_sink_stage.h"
#include "tests/sinks/audit/said.h"

namespace portcall::sinks {
namespace {

using audit::Range;
using ::testing::HasSubstr;

// The key that signs, the name it signs for, and what is told of both.
using AuditKeyTest = AuditSinkTest;

TEST_F(AuditKeyTest, WhatReferencesBroughtIsShownNowhere) {
  const auto file = folder() / "hunter2-file";
  audit::WriteText(file, "in the way\n");
  endpoint_.hidden = {"hunter2"};
  config_.directory = file / "audit";
  std::string error, trouble;
  endpoint_.settings = std::make_shared<const AuditConfig>(config_);
  const std::string said = audit::Said([&](runtime::Log& log) {
    runner_->Call([&] {
      sink_ = *MakeSink(endpoint_, {runner_->executor(), resolver_, log, lanes_});
      sink_->Open(receipt_);
    });
    error = Deliver(1).error;
    trouble = runner_->Call([&] { return sink_->Trouble(); });
    Close();
    lanes_.Await(std::chrono::steady_clock::time_point::max());
  });
  EXPECT_THAT(said, HasSubstr("***-file/audit"));
  for (const std::string& text : {error, trouble, said}) {
    EXPECT_THAT(text, HasSubstr("Not a directory"));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("hunter2")));
  }

  config_.key = folder() / "hunter2.pem";
  const auto refused = Make();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, ::testing::Not(HasSubstr("hunter2")));
}

TEST_F(AuditKeyTest, AnUnreadableKeyIsRefusedAtTheStart) {
  config_.key = folder() / "nothing.pem";
  const auto missing = Make();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kInvalid);
  audit::WriteText(config_.key, "no key\n");
  const auto wrong = Make();
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().detail, HasSubstr("Ed25519"));
}

TEST_F(AuditKeyTest, MakesAKeyForTheOwnerAlone) {
  std::filesystem::remove(folder() / audit::kPrivateKey);
  ASSERT_TRUE(Make());
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
  EXPECT_EQ(std::filesystem::status(folder() / audit::kPrivateKey).permissions(), std::filesystem::perms(0600));
  EXPECT_TRUE(audit::VerifierKey::FromFile(folder() / audit::kPublicKey));
}

// It would sign nothing, or replace the one that does.
TEST_F(AuditKeyTest, MakesNoneWhereAnotherIsAboutToBegin) {
  std::filesystem::remove(folder() / audit::kPrivateKey);
  auto other = audit::LockFolder(folder());
  ASSERT_TRUE(other);
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(1).error, HasSubstr("another process, or another endpoint"));
  EXPECT_FALSE(std::filesystem::exists(folder() / audit::kPrivateKey));
  *other = runtime::Fd();
  EXPECT_EQ(Deliver(1).verdict, Verdict::kDelivered);
  EXPECT_TRUE(std::filesystem::exists(folder() / audit::kPrivateKey));
}

TEST_F(AuditKeyTest, AKeyThatIsGoneOrAnotherIsNotReplacedWhereALogIs) {
  Fill(1, 25);
  const std::string key = audit::ReadText(folder() / audit::kPrivateKey);
  std::filesystem::remove(folder() / audit::kPrivateKey);
  ASSERT_TRUE(Make());
  EXPECT_THAT(Deliver(26).error, HasSubstr("checkpoint.key is gone, which signed the audit log: restore it"));
  EXPECT_FALSE(std::filesystem::exists(folder() / audit::kPrivateKey));
  const portcall::testing::TempDir other;
  MakeKey(other.path() / "old.key");
  std::filesystem::copy(other.path() / "old.key", folder() / audit::kPrivateKey);
  EXPECT_THAT(Deliver(26).error, HasSubstr("another key or origin signed it: restore the key"));
  audit::WriteText(folder() / audit::kPrivateKey, key);
  EXPECT_EQ(Deliver(26).verdict, Verdict::kDelivered);
  EXPECT_EQ(Seqs(), Range(1, 26));
}

TEST_F(AuditKeyTest, ALogGoesOnWhenTheRightKeyIsBackInItsPlaceElsewhere) {
  Fill(1, 25);
  const std::string right = audit::ReadText(folder() / audit::kPrivateKey);
  std::filesystem::remove(folder() / audit::kPrivateKey);
  const portcall::testing::TempDir elsewhere;
  config_.key = elsewhere.path() / "audit.pem";
  MakeKey(config_.key);
  ASSERT_TRUE(Make());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Deliver(26).error, HasSubstr("another key or origin signed it: restore the key"));
  }
  std::filesystem::remove(config_.key);
  EXPECT_THAT(Deliver(26).error, HasSubstr("audit.pem"));
  audit::WriteText(config_.key, right);
  EXPECT_EQ(Deliver(26).verdict, Verdict::kDelivered);
  EXPECT_EQ(Seqs(), Range(1, 26));
}

TEST_F(AuditKeyTest, AnOriginThatNoKeyMayHaveIsRefused) {
  config_.origin = "two words";
  EXPECT_FALSE(Make());
}

TEST_F(AuditKeyTest, ANewLogHasTheOriginOfTheFile) {
  config_.origin = "renamed.example.com";
  config_.default_origin = true;
  ASSERT_TRUE(Make());
  EXPECT_EQ(audit::Checkpoint::Parse(Deliver(1).receipt)->origin, "renamed.example.com");
}

TEST_F(AuditKeyTest, ALogWithoutCheckpointsKeepsTheOriginOfItsReceipt) {
  receipt_ = Crash(1, 5);
  config_.origin = "renamed.example.com";
  config_.default_origin = true;
  ASSERT_TRUE(Make());
  const Outcome outcome = Deliver(6);
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  EXPECT_TRUE(audit::Receipt::Open(outcome.receipt, key_->verifier()));
}

}  // namespace
}  // namespace portcall::sinks
