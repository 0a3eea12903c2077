#include "broker/figures.h"

#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace portcall::broker {
namespace {

constexpr std::chrono::milliseconds kLookAgain{10};

}  // namespace

Figures::Figures(Executor loop, std::function<Look()> look, Patience patience)
    : loop_(std::move(loop)), look_(std::move(look)), patience_(patience) {}

// The loop passes over a question whose asker has given up: it must not work off all that were asked while it was busy.
bool Figures::AskLoop(Look& answer) {
  if (loop_.running_in_this_thread()) {
    answer = look_();
    return true;
  }
  auto question = std::make_shared<std::packaged_task<Look()>>(look_);
  std::future<Look> answered = question->get_future();
  asio::post(loop_, [asked = std::weak_ptr(question)] {
    if (const auto still = asked.lock()) (*still)();
  });
  if (answered.wait_for(patience_.loop) != std::future_status::ready) return false;
  answer = answered.get();
  return true;
}

std::vector<EndpointStatus> Figures::Fresh() {
  const auto until = std::chrono::steady_clock::now() + patience_.count;
  Look answer;
  bool answered = AskLoop(answer);
  while (answered && !answer.counted && std::chrono::steady_clock::now() < until && !loop_.running_in_this_thread()) {
    std::this_thread::sleep_for(kLookAgain);
    answered = AskLoop(answer);
  }
  const runtime::MutexLock lock(mutex_);
  if (answered) last_ = std::move(answer.status);
  return last_;
}

}  // namespace portcall::broker
