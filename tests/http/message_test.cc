#include "runtime/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/loop_runner.h"

namespace portcall::http {
namespace {

using ::testing::ElementsAre;

TEST(Fields, NamesCompareWithoutCase) {
  Fields fields;
  fields.Add("Accept", "a");
  fields.Add("X", "1");
  fields.Add("accept", "b");
  EXPECT_EQ(fields.Get("ACCEPT"), "a");
  EXPECT_THAT(fields.All("Accept"), ElementsAre("a", "b"));
  EXPECT_TRUE(fields.Has("x"));
  EXPECT_FALSE(fields.Has("Y"));
  EXPECT_EQ(fields.Get("Y"), "");
}

TEST(Fields, SetReplacesAllOfAName) {
  Fields fields;
  fields.Add("A", "1");
  fields.Add("B", "2");
  fields.Add("a", "3");
  fields.Set("A", "4");
  fields.Set("C", "5");
  std::vector<std::string> shown;
  for (const Fields::Field& f : fields.all()) shown.push_back(f.name + "=" + f.value);
  EXPECT_THAT(shown, ElementsAre("A=4", "B=2", "C=5"));
}

// A client that only announces a body makes the server hold next to nothing.
class AnnouncedBody final : public Body {
 public:
  explicit AnnouncedBody(std::size_t length, bool announced = true) : length_(length), announced_(announced) {}
  Task<Result<std::size_t>> Read(std::span<char> into) override {
    spaces.push_back(into.size());
    const std::size_t n = std::min(into.size(), length_ - at_);
    std::fill_n(into.begin(), n, 'x');
    at_ += n;
    co_return n;
  }
  std::optional<std::uint64_t> length() const override {
    return announced_ ? std::optional<std::uint64_t>(length_) : std::nullopt;
  }
  std::vector<std::size_t> spaces;

 private:
  const std::size_t length_;
  const bool announced_;
  std::size_t at_ = 0;
};

TEST(ReadAll, MakesRoomAsBytesComeAndNotAsAnnounced) {
  testing::LoopRunner runner;
  AnnouncedBody body(4'000'000);
  const Result<std::string> whole = runner.Run(ReadAll(body, 4 << 20));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->size(), 4'000'000u);
  EXPECT_LE(body.spaces.front(), 64u * 1024);
  EXPECT_LE(body.spaces.size(), 9u);
}

TEST(ReadAll, CountsWhatItHoldsAndNotWhatIsAnnounced) {
  testing::LoopRunner runner;
  runtime::MemoryBudget budget(4 << 20);
  runtime::MemoryShare share(&budget);
  AnnouncedBody body(4'000'000);
  ASSERT_TRUE(runner.Run(ReadAll(body, 4 << 20, &share)));
  EXPECT_EQ(budget.held(), 4'000'001 - runtime::MemoryBudget::kFree);

  runtime::MemoryShare other(&budget);
  AnnouncedBody more(4'000'000), small(runtime::MemoryBudget::kFree);
  const Result<std::string> refused = runner.Run(ReadAll(more, 4 << 20, &other));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_TRUE(runner.Run(ReadAll(small, 4 << 20, &other)));
}

TEST(ReadAll, HoldsNoMoreThanThereMayBeOfWhatIsNotAnnounced) {
  constexpr std::size_t kLimit = 4 << 20;
  testing::LoopRunner runner;
  runtime::MemoryBudget budget(kLimit);
  runtime::MemoryShare share(&budget);
  AnnouncedBody fits(kLimit, false), over(kLimit + 1, false);
  const Result<std::string> whole = runner.Run(ReadAll(fits, kLimit, &share));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->size(), kLimit);
  EXPECT_EQ(runner.Run(ReadAll(over, kLimit, &share)).error().code, Errc::kTooLarge);
}

TEST(Request, SplitsPathAndQuery) {
  Request request;
  request.target = "/v2/_catalog?n=1?2";
  EXPECT_EQ(request.path(), "/v2/_catalog");
  EXPECT_EQ(request.query(), "n=1?2");
  request.target = "/v2/";
  EXPECT_EQ(request.path(), "/v2/");
  EXPECT_EQ(request.query(), "");
}

TEST(Status, UnknownOnesHaveAReasonToo) {
  EXPECT_EQ(ReasonOf(404), "Not Found");
  EXPECT_EQ(ReasonOf(507), "Insufficient Storage");
  EXPECT_EQ(ReasonOf(299), "Unknown");
}

}  // namespace
}  // namespace portcall::http
