#include "store/sqlite/settled_codec.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace portcall::store {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

TEST(SettledCodec, EachEventIsFoundAsItWas) {
  const std::vector<SettledEvent> events{
      {8'000, 1'700'000'000'000'000'000, 0},
      {8'001, 1'700'000'000'000'000'000 - 86'400'000 * kMillisecond, 3},
      {8'001, 1'700'000'000'000'000'000 + kMillisecond, 4},
      {8'191, 1'700'000'000'000'000'000, 3'600'000'000},
  };
  const std::string bytes = EncodeSettled(events);
  EXPECT_LE(bytes.size(), 4u * 9);
  for (const std::size_t i : {0, 2, 3}) {
    const auto found = FindSettled(bytes, {events[0].seq, events[0].at, 0}, events[i].seq);
    ASSERT_TRUE(found && *found) << i;
    EXPECT_EQ((*found)->at, events[i].at);
    EXPECT_EQ((*found)->latency_us, events[i].latency_us);
  }
  const auto missing = FindSettled(bytes, {events[0].seq, events[0].at, 0}, 8'002);
  ASSERT_TRUE(missing);
  EXPECT_FALSE(*missing);
  EXPECT_TRUE(EncodeSettled({}).empty());
}

TEST(SettledCodec, WhatIsDamagedIsAnError) {
  const std::string bytes = EncodeSettled(std::vector<SettledEvent>{{5, 0, 300}, {6, kMillisecond, 300}});
  for (std::size_t cut : {std::size_t{1}, std::size_t{2}, bytes.size() - 1}) {
    EXPECT_FALSE(FindSettled(bytes.substr(0, cut), {5, 0, 0}, 6)) << cut;
  }
  for (const std::string& endless :
       {std::string(30, '\xff'), std::string("\0", 1) + std::string(9, '\xff') + "\x7f\0"}) {
    EXPECT_FALSE(FindSettled(endless, {5, 0, 0}, 6));
  }
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string noise(random() % 40, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    (void)FindSettled(noise, {std::numeric_limits<std::int32_t>::max(), 1'700'000'000'000'000'000, 0}, 6);
  }
}

}  // namespace
}  // namespace portcall::store
