#pragma once

#include <utility>

#include "broker/core/moment.h"
#include "runtime/task.h"
#include "store/store.h"

namespace portcall::broker {

inline constexpr Ticks kRetryStore = kSecond;  // between two tries to read or write

Task<> WaitToRetry(Executor executor);

// Blocks. Where nobody can tell whether it was written, it is asked for again: each job finds what it has done before.
// What was not known once is told as that, however later tries fail.
template <class Job>
auto WriteSurely(store::Store& store, const Job& job) {
  constexpr int kTries = 3;
  auto written = store.WriteNow(job, store::Priority::kSettlement);
  const auto unknown = [&written] { return !written && written.error().code == Errc::kOutcomeUnknown; };
  if (!unknown()) return written;
  const Error first = written.error();
  for (int i = 1; i < kTries && unknown(); ++i) written = store.WriteNow(job, store::Priority::kSettlement);
  return written ? std::move(written) : decltype(written)(first);
}

}  // namespace portcall::broker
