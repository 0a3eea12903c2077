#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "store/event_log.h"
#include "store/store.h"

namespace portcall::store {

// Holds the writer inside a job, so that a test decides what the next group is made of.
class Hold {
 public:
  explicit Hold(Store& store) {
    thread_ = std::jthread([this, &store] {
      (void)store.WriteNow([this, left = go_.get_future().share()](Tx&) -> Result<void> {
        std::call_once(entered_, [this] { inside_.count_down(); });
        left.wait();
        return {};
      });
    });
    inside_.wait();
  }
  void Release() { go_.set_value(); }

 private:
  std::once_flag entered_;
  std::latch inside_{1};
  std::promise<void> go_;
  std::jthread thread_;
};

inline void AwaitDepth(Store& store, std::uint64_t depth) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store.stats().queue_depth < depth) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the jobs never queued";
    std::this_thread::yield();
  }
}

inline Task<Result<Seq>> AppendTask(Store& store, Event event) {
  auto append = [event = std::move(event)](Tx& tx) -> Result<Seq> { return Append(tx, event); };
  co_return co_await store.Write(append);
}

}  // namespace portcall::store
