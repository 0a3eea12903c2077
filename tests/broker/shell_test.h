#pragma once

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/core/endpoint_core.h"
#include "broker/endpoint/stage.h"
#include "broker/endpoint/surroundings.h"
#include "broker/endpoint/tasks.h"
#include "broker/read_clock.h"
#include "tests/broker/broker_world.h"
#include "tests/support/loop_runner.h"

namespace portcall::broker {

// What stands around one class of broker/endpoint: a real store with one stored cursor, the ring that hears of it, the
// pages, and a core. All of it lives on the runner's loop; a test goes there with On.
class ShellTest : public ::testing::Test {
 protected:
  explicit ShellTest(std::size_t ring_bytes = EventRing::kMaxBytes);
  ~ShellTest() override;
  // Ends all tasks while what a test has made for them is there.
  void TearDown() override;

  config::Endpoint Entry();
  // Stores the cursor, with its parked lanes, and makes a core that begins there.
  void Open(config::Endpoint entry, store::Cursor cursor = {}, std::vector<store::ParkedLane> parked = {},
            sinks::Capacity capacity = {});
  template <class F>
  auto On(F f) {
    return runner_.Call(std::move(f));
  }
  Moment Now() { return Read(world_.clock()); }
  Tasks TasksOf(std::function<void()> ended) { return {runner_.executor(), gate_, std::move(ended), called_off_}; }

  // The core reads the log as far as it goes. On the loop.
  void Feed();
  // Claims everything that may go; the attempts in order. On the loop.
  std::vector<Attempt> Claim();
  void Deliver(int count);  // claims and delivers so many. On the loop.

  store::Cursor Stored();
  std::vector<store::ParkedLane> Parked();
  std::vector<store::DeadLetter> Dead() { return world_.Dead("hook"); }
  void Sql(const std::string& text);
  // Every change of the table's rows is refused, or no longer.
  void Refuse(const std::string& table);
  void Permit(const std::string& table);
  void Hide(const std::string& table) { Sql("ALTER TABLE " + table + " RENAME TO hidden"); }  // reading fails
  void Reveal(const std::string& table) { Sql("ALTER TABLE hidden RENAME TO " + table); }
  void AwaitWriter();   // what was asked of it before is done
  void AwaitReads();    // likewise of the readers
  std::string Lines();  // all that was logged so far; once
  static int Count(const std::string& text, const std::string& part);

  testing::LoopRunner runner_;  // outlives the store, whose threads wake callers on it
  World world_;
  runtime::Log log_{{runtime::Level::kInfo, "text", {}}};
  runtime::Metrics metrics_;
  EventRing ring_;
  bool called_off_ = false;
  CatchUpReader reader_{world_.store(), runner_.executor()};
  store::Subscription heard_;
  Surroundings around_{world_.store(), ring_, reader_, runner_.executor(), log_, metrics_, world_.clock()};
  runtime::Gate gate_;
  Stage stage_ = Stage::kRunning;
  config::Endpoint entry_;
  store::Cursor cursor_;
  std::unique_ptr<EndpointCore> core_;

 private:
  bool capturing_ = true;
};

}  // namespace portcall::broker
