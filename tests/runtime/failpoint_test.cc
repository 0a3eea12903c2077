#include "runtime/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <cstdio>

namespace portcall::runtime {
namespace {

// The variable is read when the process starts, so that the death test's child sets it by starting anew.
TEST(FailpointTest, PassesWithoutTheVariable) {
  for (int i = 0; i < 10; ++i) Failpoint("writer.commit");
}

TEST(FailpointDeathTest, EndsTheProcessAtTheNthPassOfItsName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ::setenv("PORTCALL_FAILPOINT", "writer.commit:3", 1);
  EXPECT_EXIT(
      {
        for (int i = 0; i < 10; ++i) Failpoint("other");
        Failpoint("writer.commit");
        Failpoint("writer.commit");
        std::fputs("two passes\n", stderr);
        Failpoint("writer.commit");
        std::exit(0);
      },
      ::testing::KilledBySignal(SIGKILL), "two passes");
  ::unsetenv("PORTCALL_FAILPOINT");
}

}  // namespace
}  // namespace portcall::runtime
