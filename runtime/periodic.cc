#include "runtime/periodic.h"

#include <boost/asio/use_future.hpp>
#include <memory>

#include "runtime/timer.h"

namespace portcall::runtime {
namespace {

Task<> Run(std::shared_ptr<Timer> timer, const Gate& gate, std::chrono::milliseconds first,
           std::chrono::milliseconds interval, Periodic::Work work) {
  for (auto wait = first; !gate.closed(); wait = interval) {
    timer->expires_after(wait);
    const auto [ec] = co_await timer->async_wait(nothrow);
    if (ec || gate.closed()) break;
    co_await work();
  }
}

}  // namespace

void Periodic::Every(std::chrono::milliseconds first, std::chrono::milliseconds interval, Work work) {
  asio::post(loop_.context(), [this, first, interval, work = std::move(work)]() mutable {
    auto timer = std::make_shared<Timer>(loop_.executor());
    Spawn(loop_.executor(), gate_, Run(timer, gate_, first, interval, std::move(work)), [timer] { timer->cancel(); });
  });
}

void Periodic::Stop() {
  if (!stopping_.request_stop()) return;
  asio::co_spawn(loop_.executor(), CloseAndDrain(), asio::use_future).get();
}

Task<> Periodic::CloseAndDrain() {
  gate_.Close();
  co_await gate_.Drained();
}

}  // namespace portcall::runtime
