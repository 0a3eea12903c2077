#include "runtime/gate.h"

#include <cassert>
#include <exception>
#include <string>

#include "runtime/log.h"

namespace portcall::runtime {

Gate::Pass::Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), place_(other.place_) {}

Gate::Pass& Gate::Pass::operator=(Pass&& other) noexcept {
  if (this != &other) {
    Leave();
    gate_ = std::exchange(other.gate_, nullptr);
    place_ = other.place_;
  }
  return *this;
}

Gate::Pass::~Pass() { Leave(); }

void Gate::Pass::Leave() {
  if (Gate* gate = std::exchange(gate_, nullptr)) {
    gate->inside_.erase(place_);
    gate->MaybeDrained();
  }
}

Gate::~Gate() { assert(inside_.empty()); }

Gate::Pass Gate::Enter(OnClose on_close) {
  if (closed_) return {};
  inside_.push_back(std::move(on_close));
  return Pass(this, std::prev(inside_.end()));
}

void Gate::Close() {
  if (std::exchange(closed_, true)) return;
  // A callback may destroy any pass, which erases its entry: so always take the first entry left before `mark`.
  const auto mark = inside_.insert(inside_.end(), OnClose());
  while (inside_.begin() != mark) {
    const OnClose on_close = std::exchange(inside_.front(), {});
    inside_.splice(inside_.end(), inside_, inside_.begin());
    if (on_close) on_close();
  }
  inside_.erase(mark);
  MaybeDrained();
}

Task<> Gate::Drained() {
  if (closed_ && inside_.empty()) co_return;
  co_await Suspend<bool>([this](Resume<bool> resume) { waiting_.push_back(std::move(resume)); });
}

void Gate::MaybeDrained() {
  if (!closed_ || !inside_.empty()) return;
  for (Resume<bool>& resume : std::exchange(waiting_, {})) resume(true);
}

namespace {

Task<> Inside(Gate::Pass pass, Task<> task) {
  co_await std::move(task);
  Gate::Pass leave = std::move(pass);
}

void DieOf(std::exception_ptr error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    Die(std::string("a task ended with an exception: ") + e.what());
  } catch (...) {
    Die("a task ended with an unknown exception");
  }
}

}  // namespace

bool Spawn(const Executor& executor, Gate& gate, Task<> task, Gate::OnClose on_close) {
  Gate::Pass pass = gate.Enter(std::move(on_close));
  if (!pass) return false;
  asio::co_spawn(executor, Inside(std::move(pass), std::move(task)), DieOf);
  return true;
}

}  // namespace portcall::runtime
