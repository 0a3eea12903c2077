#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

#include "runtime/task.h"

namespace portcall {

// Lets a coroutine or an object that waits now and then do so on its own loop. The clock is steady, and destroying the
// timer ends the wait. For a deadline that moves at every step there is http::Deadline; threads wait on condition
// variables.
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace portcall
