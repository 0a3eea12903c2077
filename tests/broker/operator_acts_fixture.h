#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/broker/broker_world.h"

namespace portcall::broker {

class OperatorActsTest : public ::testing::Test {
 protected:
  Broker& broker() { return world_.broker(); }
  // Nothing comes of what was appended, for a while.
  bool Rests(const std::string& name, std::size_t accepted) {
    return !world_.receiver(name).Await(accepted + 1, std::chrono::seconds(1));
  }
  void Orphan(int events) {
    world_.receiver("hook").Set([](const store::Event&) { return Receiver::Fail(); });
    ASSERT_TRUE(world_.Start({world_.Entry("hook"), world_.Entry("other")}));
    world_.Append("repo", events);
    ASSERT_TRUE(world_.Eventually([&] { return world_.StatusOf("hook").pending == events; }));
    ASSERT_TRUE(world_.Apply({world_.Entry("other")}));
  }
  World world_;
};

}  // namespace portcall::broker
