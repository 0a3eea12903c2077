#include "runtime/http/peer_rate.h"

#include <gtest/gtest.h>

namespace portcall::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PeerRateTest : public ::testing::Test {
 protected:
  // A look `after` the one before, by which `moved` bytes more had moved.
  std::optional<double> Look(milliseconds after, std::int64_t moved, bool waits = true) {
    now_ += after;
    moved_ += moved;
    rate_.Look(now_, waits, seconds(10), [this] { return moved_; });
    return rate_.rate();
  }

  PeerRate rate_;
  PeerRate::Clock::time_point now_{seconds(1'000)};
  std::int64_t moved_ = 0;
};

TEST_F(PeerRateTest, IsThatOfAWholeWindow) {
  EXPECT_EQ(Look(seconds(1), 500), std::nullopt);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(Look(seconds(1), 100), std::nullopt);
  EXPECT_EQ(Look(seconds(1), 100), 100.0);
  EXPECT_EQ(Look(seconds(1), 900'000), 100.0) << "until the next is whole";
}

TEST_F(PeerRateTest, LeavesOutTheTimeInWhichThePeerWasNotWaitedFor) {
  Look(seconds(1), 0, /*waits=*/false);
  EXPECT_EQ(Look(seconds(60), 1'000), std::nullopt) << "the peer is not slow because its handler was";
  EXPECT_EQ(Look(seconds(10), 1'000'000), 100'000.0);
  EXPECT_EQ(Look(seconds(1), 0, false), std::nullopt);
  EXPECT_EQ(Look(seconds(9), 0), std::nullopt);
}

TEST_F(PeerRateTest, LeavesOutTheTimeInWhichNobodyLooked) {
  Look(seconds(1), 0);
  EXPECT_EQ(Look(seconds(600), 1'000), std::nullopt);
  EXPECT_EQ(Look(seconds(10), 1'000), 100.0);
}

TEST_F(PeerRateTest, BeginsAnewWithEachExchange) {
  Look(seconds(1), 0);
  rate_.Reset();
  EXPECT_EQ(Look(seconds(10), 1'000), std::nullopt);
}

}  // namespace
}  // namespace portcall::http
