#include "runtime/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace portcall::runtime {
namespace {

struct Counter {
  Mutex mutex;
  CondVar changed;
  int value GUARDED_BY(mutex) = 0;
};

static_assert(sizeof(Mutex) == sizeof(std::mutex) && sizeof(CondVar) == sizeof(std::condition_variable));

TEST(MutexTest, OneThreadAtATimeHoldsIt) {
  constexpr int kThreads = 4, kEach = 20'000;
  Counter counter;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&counter] {
        for (int i = 0; i < kEach; ++i) {
          const MutexLock lock(counter.mutex);
          ++counter.value;
        }
      });
    }
  }
  const MutexLock lock(counter.mutex);
  EXPECT_EQ(counter.value, kThreads * kEach);
}

TEST(CondVarTest, AWaiterLetsOthersInAndIsWoken) {
  Counter counter;
  std::jthread other;
  const MutexLock lock(counter.mutex);
  other = std::jthread([&counter] {
    const MutexLock other_lock(counter.mutex);
    counter.value = 1;
    counter.changed.NotifyOne();
  });
  while (counter.value == 0) counter.changed.Wait(counter.mutex);
  EXPECT_EQ(counter.value, 1);
}

TEST(CondVarTest, AWaitEndsAtItsTime) {
  Counter counter;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  const MutexLock lock(counter.mutex);
  while (counter.changed.WaitUntil(counter.mutex, until)) {
  }
  EXPECT_GE(std::chrono::steady_clock::now(), until);
}

}  // namespace
}  // namespace portcall::runtime
