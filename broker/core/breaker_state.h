#pragma once

namespace portcall::broker {

enum class BreakerState { kClosed, kHalfOpen, kOpen };

}  // namespace portcall::broker
