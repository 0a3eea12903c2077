#include "app/server/data_watch.h"

#include <chrono>

namespace portcall::app {

DataWatch::DataWatch(store::Store& store, runtime::Log& log, runtime::Loop& loop)
    : store_(store), log_(log), periodic_(loop) {
  CheckAfterUncleanEnd();
  constexpr std::chrono::seconds kLook(1);
  periodic_.Every(kLook, kLook, [this] { return Look(); });
}

// Takes as long as the database is large, so it runs beside the service; damage ends the process by on_fatal.
void DataWatch::CheckAfterUncleanEnd() {
  if (!store_.ended_uncleanly()) return;
  log_.Warn("the last run did not end orderly: checking the whole database in the background");
  integrity_ = std::jthread([this](const std::stop_token& stop) {
    const auto checked = store_.CheckIntegrity([&stop] { return stop.stop_requested(); });
    if (checked && !stop.stop_requested()) log_.Info("the database is whole");
  });
}

Task<> DataWatch::Look() {
  const auto trouble = store_.trouble();
  if (trouble && !troubled_) log_.Error("the database cannot be written: pushes get 503", {{"error", *trouble}});
  if (!trouble && troubled_) log_.Info("the database can be written again");
  troubled_ = trouble.has_value();
  co_return;
}

}  // namespace portcall::app
