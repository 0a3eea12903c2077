#include "runtime/assertion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/assert.hpp>

namespace portcall::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <class F>
std::string Thrown(F f) {
  try {
    f();
  } catch (const AssertionFailed& e) {
    return e.what();
  }
  return "nothing";
}

TEST(Assertion, IsThrownWithItsPlaceInAllBuilds) {
  EXPECT_THAT(Thrown([] { BOOST_ASSERT(1 + 1 == 3); }),
              AllOf(HasSubstr("assertion_test.cc:"), HasSubstr("1 + 1 == 3")));
  EXPECT_THAT(Thrown([] { BOOST_ASSERT_MSG(false, "of no use"); }), HasSubstr("of no use"));
  EXPECT_THAT(Thrown([] { BOOST_VERIFY(1 + 1 == 3); }), HasSubstr("1 + 1 == 3"));
  EXPECT_EQ(Thrown([] { BOOST_ASSERT(true); }), "nothing");
}

}  // namespace
}  // namespace portcall::runtime
