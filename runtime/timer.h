#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

#include "runtime/task.h"

namespace portcall {

// A wait of a coroutine or an object on its own loop: one per thing that waits now and then. Its clock is steady, and
// destroying it ends the wait. For a deadline that moves at every step there is http::Deadline; threads wait on
// condition variables.
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace portcall
