#include "runtime/http/input_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace portcall::http {
namespace {

TEST(InputBufferTest, KeepsTheOrderWhileItGrowsAndMoves) {
  InputBuffer buffer;
  buffer.Append("");
  EXPECT_TRUE(buffer.empty());
  std::string sent, taken;
  for (int i = 0; i < 3000; ++i) {
    sent += std::to_string(i);
    buffer.Append(std::to_string(i));
    if (i % 3 != 0) continue;
    taken += buffer.data().front();
    buffer.Consume(1);
  }
  EXPECT_EQ(taken + std::string(buffer.data()), sent);
}

TEST(InputBufferTest, GivesBackWhatItGrewByOnceItIsEmpty) {
  InputBuffer buffer;
  buffer.Append(std::string(1 << 20, 'x'));
  buffer.Consume(buffer.size() - 1);
  EXPECT_EQ(buffer.data(), "x");
  buffer.Consume(1);
  EXPECT_LE(buffer.Prepare(1).size(), 64U * 1024);
  buffer.Append("again");
  EXPECT_EQ(buffer.data(), "again");
}

TEST(InputBufferTest, GrowsBeyondWhatItKeepsOnlyForWhatDoesNotFit) {
  InputBuffer buffer;
  buffer.Append(std::string(40'000, 'x'));
  buffer.Append(std::string(20'000, 'y'));
  EXPECT_LE(buffer.size() + buffer.Prepare(1).size(), 64U * 1024);
  EXPECT_EQ(buffer.data(), std::string(40'000, 'x') + std::string(20'000, 'y'));
  buffer.Append(std::string(10'000, 'z'));
  EXPECT_TRUE(buffer.data().ends_with("yz" + std::string(9'999, 'z')));
}

}  // namespace
}  // namespace portcall::http
