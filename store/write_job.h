#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/result.h"
#include "store/capability.h"

namespace portcall::store {

enum class Priority {
  kRequest,     // a client waits; refused with kNoSpace below the reserve
  kSettlement,  // cursors, deletions: have room as long as the disk has any
  kBackground,  // retention, mirrors: after the others, in slices; a job should take no more than 5 ms
};

// A piece of work for the writer. It lies in its caller's frame until Done, which is the last that touches it.
class WriteJob {
 public:
  virtual ~WriteJob() = default;
  virtual bool Run(Tx& tx) = 0;  // maybe more than once; false: what it did is undone
  virtual void Done(
      const Error* failed) = 0;  // once, on a thread of the store or the caller's; null: what Run left is durable

 private:
  friend class JobQueue;
  WriteJob* next_ = nullptr;
  Priority priority_ = Priority::kRequest;
};

// Keeps the result where the caller waits for it, and calls `wake(true)` when it is there.
template <class F, class Wake>
class TypedJob final : public WriteJob {
 public:
  using R = std::invoke_result_t<F&, Tx&>;
  explicit TypedJob(F& f) : f_(f) {}
  bool Run(Tx& tx) override { return static_cast<bool>(result_.emplace(f_(tx))); }
  void Done(const Error* failed) override {
    if (failed != nullptr && (!result_ || *result_)) result_.emplace(Error(*failed));
    Wake wake = std::move(wake_);  // the waker may end this object before the call returns
    wake(true);
  }
  void set_wake(Wake wake) { wake_ = std::move(wake); }
  R TakeResult() { return std::move(*result_); }

 private:
  F& f_;
  Wake wake_;
  std::optional<R> result_;
};

}  // namespace portcall::store
