#include "broker/loop_calls.h"

#include <memory>

namespace portcall::broker {
namespace {

Task<> Announce(Task<> task, std::shared_ptr<std::promise<void>> ended) {
  co_await std::move(task);
  ended->set_value();
}

}  // namespace

std::future<void> LoopCalls::Start(Task<> task, runtime::Gate& gate) const {
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  On([&] { runtime::Spawn(loop_, gate, Announce(std::move(task), std::move(ended))); });
  return end;
}

void LoopCalls::Run(Task<> task) const {
  runtime::Gate gate;
  Start(std::move(task), gate).wait();
  On([] {});  // waits until the task has left the gate, too
}

bool LoopCalls::RunFor(Task<> task, runtime::Gate& gate, std::chrono::milliseconds patience) const {
  return Start(std::move(task), gate).wait_for(patience) == std::future_status::ready;
}

}  // namespace portcall::broker
