#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace portcall {

namespace asio = boost::asio;
using boost::system::error_code;

// Every coroutine lives on one single-threaded loop; naming its executor's type spares a virtual call at each step.
using Executor = asio::io_context::executor_type;
template <class T = void>
using Task = asio::awaitable<T, Executor>;

inline constexpr asio::use_awaitable_t<Executor> use_task{};
// `auto [ec, n] = co_await socket.async_read_some(buffer, nothrow);`
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> nothrow{use_task};

// Wakes one suspended coroutine, once, from any thread. The coroutine continues on its own loop, which is kept
// running until then. A Resume dropped unused destroys the coroutine: its holder must call it, also at shutdown.
template <class T>
class Resume {
 public:
  Resume() = default;
  explicit operator bool() const { return node_ != nullptr; }
  void operator()(T value) { std::exchange(node_, nullptr)->Post(std::move(value)); }

  template <class Handler>
  explicit Resume(Handler handler) : node_(std::make_unique<Holder<Handler>>(std::move(handler))) {}

 private:
  struct Node {
    virtual ~Node() = default;
    virtual void Post(T value) = 0;
  };
  template <class Handler>
  struct Holder final : Node {
    explicit Holder(Handler h) : handler(std::move(h)), work(asio::get_associated_executor(handler)) {}
    // The work guard moves with the handler: this thread might release it only after the loop is gone.
    void Post(T value) override {
      const auto executor = work.get_executor();
      asio::post(executor, [h = std::move(handler), v = std::move(value), w = std::move(work)]() mutable {
        std::move(h)(std::move(v));
      });
    }
    Handler handler;
    asio::executor_work_guard<asio::associated_executor_t<Handler>> work;
  };
  std::unique_ptr<Node> node_;
};

// Suspends the calling coroutine and hands `start` the means to wake it with a T (default constructible, movable).
template <class T, class F>
Task<T> Suspend(F start) {
  auto initiate = [](auto handler, F f) { f(Resume<T>(std::move(handler))); };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void(T)>(initiate, use_task,
                                                                                           std::move(start));
}

}  // namespace portcall
