#include <gmock/gmock.h>
#include <sys/resource.h>

#include <optional>
#include <utility>

#include "sinks/audit/log/verify.h"
#include "tests/sinks/audit/verify_fixture.h"

namespace portcall::sinks::audit {
namespace {

using ::testing::HasSubstr;

// No descriptor that a process may have stands for all that cannot be read; root is refused nothing else.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreFiles() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

TEST_F(VerifyTest, WhatCannotBeReadIsNoDamage) {
  VerifyOptions options;
  options.folder = folder();
  // Judged once there are descriptors again: the sanitizers need some for it.
  std::optional<NoMoreFiles> none(std::in_place);
  const auto report = Verify(options);
  const auto opened = TryOpen();
  none.reset();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::kUnavailable);
  EXPECT_THAT(report.error().detail, HasSubstr(folder().string()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kUnavailable) << "the writer tries again";
  EXPECT_EQ(First(Check()), "");
}

TEST_F(VerifyTest, ADiskThatFailsWhileItIsReadIsNoDamage) {
  Fill(46, 17'000, 1'000);
  options_.rotate_bytes = 4'000;
  Fill(17'001, 17'100);
  VerifyOptions options;
  options.folder = folder();
  std::optional<NoMoreFiles> none;
  options.progress = [&](const VerifyProgress&) {
    if (!none) none.emplace();
  };
  const auto report = Verify(options);
  ASSERT_TRUE(none);
  none.reset();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::kUnavailable);
}

}  // namespace
}  // namespace portcall::sinks::audit
