#include "runtime/http/deadline.h"

#include <gtest/gtest.h>

#include <optional>

namespace portcall::http {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Alarm final : Deadline {
  using Deadline::Deadline;
  void OnDeadline() override { rang = Clock::now(); }
  std::optional<Clock::time_point> rang;
};

TEST(Deadline, NeverFiresEarly) {
  asio::io_context context;
  Alarm alarm(context);
  const Clock::time_point when = Clock::now() + milliseconds(60);
  alarm.Set(when);
  context.run();
  ASSERT_TRUE(alarm.rang);
  EXPECT_GE(*alarm.rang, when);
}

TEST(Deadline, MovesInBothDirections) {
  asio::io_context context;
  Alarm later(context), sooner(context);
  const Clock::time_point start = Clock::now();
  later.Set(start + milliseconds(30));
  later.Set(start + milliseconds(120));
  sooner.Set(start + milliseconds(20'000));
  sooner.Set(start + milliseconds(40));
  context.run();
  ASSERT_TRUE(later.rang && sooner.rang);
  EXPECT_GE(*later.rang, start + milliseconds(120));
  EXPECT_GE(*sooner.rang, start + milliseconds(40));
  EXPECT_LT(*sooner.rang, *later.rang);
}

TEST(Deadline, AClearedOneIsSilentAndTheWheelComesToRest) {
  asio::io_context context;
  Alarm alarm(context);
  alarm.Set(Clock::now() + milliseconds(50));
  alarm.Clear();
  context.run();  // ends: nothing is pending any more
  EXPECT_FALSE(alarm.rang);
}

TEST(Deadline, MayBeDestroyedWhileSet) {
  asio::io_context context;
  {
    Alarm alarm(context);
    alarm.Set(Clock::now() + milliseconds(10));
  }
  context.run();
}

}  // namespace
}  // namespace portcall::http
