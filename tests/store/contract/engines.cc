#include "tests/store/contract/engine.h"

namespace portcall::store {

const std::vector<Engine>& Engines() {
  static const std::vector<Engine> engines{
      {"Local", [](StoreOptions options, asio::thread_pool& pool) { return Store::Open(std::move(options), pool); }}};
  return engines;
}

}  // namespace portcall::store
