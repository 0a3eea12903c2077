#include "runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <cstdio>

namespace portcall::runtime {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, TheSameNameAndLabelsAreTheSameHandle) {
  Metrics metrics;
  auto& a = metrics.Count("x_total", "X.", {{"endpoint", "one"}});
  EXPECT_EQ(&a, &metrics.Count("x_total", "X.", {{"endpoint", "one"}}));
  EXPECT_NE(&a, &metrics.Count("x_total", "X.", {{"endpoint", "two"}}));
  EXPECT_EQ(&metrics.Level("y", "Y."), &metrics.Level("y", "Other words."));
  EXPECT_EQ(&metrics.Spread("z", "Z.", {1, 2}), &metrics.Spread("z", "Z.", {1, 2}));
}

TEST(MetricsTest, ThePageShowsValues) {
  Metrics metrics;
  metrics.Count("portcall_events_total", "Events.", {{"action", "push"}}).Increment(3);
  metrics.Level("portcall_pending", "Pending.").Set(7);
  metrics.Spread("portcall_wait_seconds", "Waits.", {0.1, 1}).Observe(0.5);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# HELP portcall_events_total Events.\n# TYPE portcall_events_total counter\n"
                              "portcall_events_total{action=\"push\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE portcall_pending gauge\nportcall_pending 7\n"));
  EXPECT_THAT(text, HasSubstr("portcall_wait_seconds_bucket{le=\"0.1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("portcall_wait_seconds_bucket{le=\"1\"} 1\n"));
}

TEST(MetricsTest, PrometheusAcceptsThePage) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  Metrics metrics;
  metrics.Count("portcall_events_total", "Events.", {{"action", "a \"b\"\n\\"}}).Increment();
  metrics.Level("portcall_pending", "Pending.").Set(1e300);
  metrics.Level("portcall_pending_total", "Pending, by a name that is none for a gauge.").Set(2);
  metrics.Spread("portcall_wait_seconds", "Waits.", {0.1, 1}).Observe(0.5);
  FILE* promtool = ::popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string text = metrics.Text();
  std::fwrite(text.data(), 1, text.size(), promtool);
  EXPECT_EQ(::pclose(promtool), 0);
}

}  // namespace
}  // namespace portcall::runtime
