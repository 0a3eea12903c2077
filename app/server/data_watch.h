#pragma once

#include <optional>
#include <string>
#include <thread>

#include "runtime/log.h"
#include "runtime/loops.h"
#include "runtime/periodic.h"
#include "store/store.h"

namespace portcall::app {

// Looks after an open database: tells the log what keeps it from being written and when that is over, and checks all of
// it after an unclean end. Made and destroyed on a thread that is no loop; uses the store until it is destroyed, which
// waits for a check under way: the disk may keep that.
class DataWatch {
 public:
  DataWatch(store::Store& store, runtime::Log& log, runtime::Loop& loop);

  void RequestStop() { integrity_.request_stop(); }  // of the check

 private:
  void CheckAfterUncleanEnd();
  Task<> Look();

  store::Store& store_;
  runtime::Log& log_;
  bool troubled_ = false;
  std::jthread integrity_;
  runtime::Periodic periodic_;
};

}  // namespace portcall::app
