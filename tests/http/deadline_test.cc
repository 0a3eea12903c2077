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

TEST(Deadline, AClearedOneIsSilentAndTheLoopComesToRest) {
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

TEST(Deadline, MayBeDestroyedWhileItsWordWaitsInTheQueue) {
  struct Last final : Deadline {
    using Deadline::Deadline;
    void OnDeadline() override { victim.reset(); }
    std::optional<Alarm> victim;
  };
  asio::io_context context;
  Last last(context);
  Alarm& victim = last.victim.emplace(context);
  const Clock::time_point past = Clock::now() - milliseconds(10);
  last.Set(past);
  victim.Set(past + milliseconds(1));  // one visit to the timers finds both
  EXPECT_EQ(context.run(), 2U);
  EXPECT_FALSE(last.victim);
}

TEST(Deadline, MayBeSetAgainFromWithin) {
  struct Twice final : Deadline {
    using Deadline::Deadline;
    void OnDeadline() override {
      if (++rang < 2) Set(next = Clock::now() + milliseconds(20));
    }
    int rang = 0;
    Clock::time_point next;
  };
  asio::io_context context;
  Twice twice(context);
  twice.Set(Clock::now());
  EXPECT_EQ(twice.rang, 0) << "not within Set()";
  context.run();
  EXPECT_EQ(twice.rang, 2);
  EXPECT_GE(Clock::now(), twice.next);
}

}  // namespace
}  // namespace portcall::http
