#pragma once

#include <future>
#include <latch>
#include <thread>
#include <vector>

#include "tests/broker/broker_world.h"

namespace portcall::broker {

// No query of the store comes to an end until this is gone, and none has to end for it.
class HeldReaders {
 public:
  explicit HeldReaders(World& world) {
    const std::shared_future<void> end = end_.get_future().share();
    for (std::size_t i = 0; i < store::StoreOptions().readers; ++i) {
      threads_.emplace_back([this, &world, end] {
        (void)world.store().ReadNow([&](store::Snapshot&) -> Result<bool> {
          inside_.count_down();
          end.wait();
          return true;
        });
      });
    }
    inside_.wait();
  }
  ~HeldReaders() { end_.set_value(); }

 private:
  std::promise<void> end_;
  std::latch inside_{static_cast<std::ptrdiff_t>(store::StoreOptions().readers)};
  std::vector<std::jthread> threads_;
};

}  // namespace portcall::broker
