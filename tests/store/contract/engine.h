#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/store/fixture.h"

namespace portcall::store {

// What any engine must do stands in this folder, written against the store's public headers alone. An engine joins by
// a line in engines.cc.
struct Engine {
  std::string name;
  std::function<Result<std::unique_ptr<Store>>(StoreOptions, asio::thread_pool&)> open;
};
inline void PrintTo(const Engine& engine, std::ostream* out) { *out << engine.name; }
const std::vector<Engine>& Engines();

class EngineTest : public StoreTest, public ::testing::WithParamInterface<Engine> {
 protected:
  Result<std::unique_ptr<Store>> OpenStore(StoreOptions options) override {
    return GetParam().open(std::move(options), pool_);
  }
};

#define FOR_EVERY_ENGINE(test)                                          \
  INSTANTIATE_TEST_SUITE_P(Every, test, ::testing::ValuesIn(Engines()), \
                           [](const auto& engine) { return engine.param.name; })

}  // namespace portcall::store
