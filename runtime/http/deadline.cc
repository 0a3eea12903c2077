#include "runtime/http/deadline.h"

namespace portcall::http {

void Deadline::Set(Time when) {
  when_ = when;
  if (when_ < looks_at_) Wait();
}

void Deadline::Wait() {
  looks_at_ = when_;
  timer_.expires_at(when_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](error_code ec) {
    if (!ec && !alive.expired()) Look();
  });
}

void Deadline::Look() {
  looks_at_ = Time::max();
  if (when_ == Time::max()) return;
  if (when_ > Time::clock::now()) return Wait();
  Clear();
  OnDeadline();
}

}  // namespace portcall::http
