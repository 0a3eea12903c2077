#pragma once

#include <span>

#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"

namespace portcall::store {

// Does what migrations have left, as a background job that comes again until nothing is left. The writer is closed
// before this goes.
class Slices final : public WriteJob {
 public:
  Slices(Writer& writer, std::span<const Migration> migrations) : writer_(writer), migrations_(migrations) {}
  void Start() { writer_.Submit(*this, Priority::kBackground); }

 private:
  static constexpr std::int64_t kRows = 100;  // a few milliseconds of the writer
  bool Run(Tx& tx) override {
    more_ = RunSlice(tx.connection(), migrations_, kRows);
    return true;
  }
  // A failure leaves the rest to the next start.
  void Done(const Error* failed) override {
    if (failed == nullptr && more_) Start();
  }

  Writer& writer_;
  const std::span<const Migration> migrations_;
  bool more_ = false;
};

}  // namespace portcall::store
