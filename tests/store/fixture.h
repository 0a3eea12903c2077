#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/catalog.h"
#include "store/cursors.h"
#include "store/event_log.h"
#include "store/retention.h"
#include "store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temp_dir.h"

namespace portcall::store {

// A store on a folder of its own, with a clock that the test moves, and short ways to use it from the test's thread.
class StoreTest : public ::testing::Test {
 protected:
  StoreOptions Options() {
    StoreOptions options;
    options.database = dir_.path() / "portcall.db";
    options.reserve_bytes = 0;
    options.clock = &clock_;
    options.provocations.run_jobs_twice = true;
    options.on_fatal = [this](const std::string&) { ++fatal_; };
    return options;
  }
  void Open() { Open(Options()); }
  void Open(StoreOptions options) {
    auto opened = OpenStore(std::move(options));
    ASSERT_TRUE(opened) << opened.error().detail;
    store_ = std::move(*opened);
    heard_ = store_->Subscribe([this](const std::vector<EventPtr>& events) {
      const std::lock_guard lock(mutex_);
      appended_.insert(appended_.end(), events.begin(), events.end());
    });
  }
  void Reopen() {
    store_.reset();
    Open();
  }
  virtual Result<std::unique_ptr<Store>> OpenStore(StoreOptions options) {
    return Store::Open(std::move(options), pool_);
  }
  Error OpenError() {
    auto opened = OpenStore(Options());
    return opened ? Error(Errc::kInternal, "it opened") : opened.error();
  }
  std::string File() const { return (dir_.path() / "portcall.db").string(); }

  template <class F>
  auto Write(F f) {  // what `f(tx)` returns; the write must succeed
    using T = std::invoke_result_t<F&, Tx&>;
    if constexpr (std::is_void_v<T>) {
      auto written = store_->WriteNow([&](Tx& tx) -> Result<void> {
        f(tx);
        return {};
      });
      EXPECT_TRUE(written) << written.error().detail;
    } else {
      auto written = store_->WriteNow([&](Tx& tx) -> Result<T> { return f(tx); });
      EXPECT_TRUE(written) << written.error().detail;
      return std::move(*written);
    }
  }
  template <class F>
  auto Read(F f) {
    using T = std::invoke_result_t<F&, Snapshot&>;
    auto read = store_->ReadNow([&](Snapshot& s) -> Result<T> { return f(s); });
    EXPECT_TRUE(read) << read.error().detail;
    return std::move(*read);
  }
  Seq AppendOne(const std::string& repository = "library/app") {
    return Write([&](Tx& tx) { return Append(tx, EventOf(repository)); });
  }
  // Puts a live cursor at `through` and deletes what nobody needs.
  std::size_t Forget(Seq through, std::size_t limit = 1'000) {
    forgetting_.endpoint = "forgetting";
    forgetting_.settled_through = through;
    forgetting_.id = Write([&](Tx& tx) { return PutCursor(tx, forgetting_); });
    return Write([&](Tx& tx) { return DeleteUnneeded(tx, {}, {limit}).events; });
  }
  static Event EventOf(const std::string& repository) {
    Event event;
    event.action = Action::kPush;
    event.kind = Kind::kTag;
    event.repository = repository;
    event.tag = "v1";
    event.digest = "sha256:" + std::string(64, 'a');
    event.media_type = "application/vnd.oci.image.manifest.v1+json";
    event.size = 1234;
    event.actor = "alice";
    event.details = R"({"request_id":"r1"})";
    return event;
  }

  portcall::testing::TempDir dir_;
  portcall::testing::FakeClock clock_;
  portcall::testing::LoopRunner runner_;  // outlives the store and the pool, which wake callers on it
  asio::thread_pool pool_{2};
  std::mutex mutex_;
  std::vector<EventPtr> appended_;
  std::atomic<int> fatal_ = 0;
  std::unique_ptr<Store> store_;
  Cursor forgetting_;
  Subscription heard_;
};

}  // namespace portcall::store
