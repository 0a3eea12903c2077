#include "app/debug/process_stats.h"

#include <gtest/gtest.h>

#include <ctime>

namespace portcall::app {
namespace {

TEST(ProcessStats, AreThoseOfThisProcess) {
  const ProcessStats stats = ReadProcessStats();
  EXPECT_GT(stats.resident_bytes, 1u << 20);
  EXPECT_GE(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GE(stats.open_fds, 3u);
  EXPECT_GE(stats.max_fds, stats.open_fds);
  EXPECT_GE(stats.threads, 1u);
  EXPECT_NEAR(stats.start_time, static_cast<double>(std::time(nullptr)), 3600);
}

}  // namespace
}  // namespace portcall::app
