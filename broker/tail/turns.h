#pragma once

#include <deque>

#include "runtime/task.h"

namespace portcall::broker {

// Lets so many in at a time, in the order asked. Who is called off while he waits for his turn goes at once. Lives on
// one loop; all must have left before it goes.
class Turns {
 public:
  explicit Turns(int most) : free_(most) {}

  // True: inside, and Leave must follow. False: called off. `called_off` outlives the call.
  Task<bool> Enter(const bool& called_off);
  void Leave();
  void LookAgain();  // some have been called off

 private:
  struct Waiting {
    Resume<bool> resume;
    const bool* called_off;
  };
  int free_;
  std::deque<Waiting> waiting_;
};

}  // namespace portcall::broker
