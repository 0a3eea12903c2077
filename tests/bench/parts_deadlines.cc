// Deadlines of 10,000 connections on one loop: ours, whose timer waits on when they move, against a wait for each step.
#include <boost/asio/basic_waitable_timer.hpp>
#include <deque>
#include <memory>

#include "parts.h"
#include "runtime/http/deadline.h"

namespace portcall::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

constexpr std::size_t kConnections = 10'000;
// What the server sets from one request to the next: idle, a head, none while the handler runs, the answer.
constexpr std::chrono::seconds kSteps[] = {std::chrono::seconds(120), std::chrono::seconds(30), std::chrono::seconds(0),
                                           std::chrono::seconds(60)};

class Ours final : public http::Deadline {
 public:
  explicit Ours(asio::io_context& context) : Deadline(context) {}
  void Step(Clock::duration d) {
    if (d == Clock::duration::zero()) {
      Clear();
    } else {
      Set(Clock::now() + d);
    }
  }

 private:
  void OnDeadline() override {}
};

// A wait for each step.
class Rearmed {
 public:
  explicit Rearmed(asio::io_context& context) : timer_(context.get_executor()) {}
  void Step(Clock::duration d) {
    if (d == Clock::duration::zero()) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(d);
    timer_.async_wait([this](error_code ec) {
      if (!ec) fired_ = true;
    });
  }

 private:
  Timer timer_;
  bool fired_ = false;
};

// Connections that are there and go from step to step, some at each turn of the loop. From within the loop, as a
// server's steps are: only there does Asio reuse memory of its operations.
template <class D>
class Walk {
 public:
  Walk() {
    for (std::size_t i = 0; i < kConnections; ++i) connections_.emplace_back(context_);
  }
  std::size_t operator()() {
    for (const auto step : kSteps) {
      next_ = 0;
      Turn(step);
      context_.restart();
      context_.poll();
      if (next_ != kConnections) throw std::logic_error("the loop stopped early");
    }
    return kConnections * std::size(kSteps);
  }

 private:
  static constexpr std::size_t kATurn = 100;

  void Turn(Clock::duration step) {
    asio::post(context_, [this, step] {
      for (std::size_t i = 0; i < kATurn; ++i) connections_[next_++].Step(step);
      if (next_ < kConnections) Turn(step);
    });
  }

  asio::io_context context_{1};
  std::deque<D> connections_;
  std::size_t next_ = 0;
};

template <class D>
std::function<std::size_t()> Steps() {
  return [walk = std::make_shared<Walk<D>>()] { return (*walk)(); };
}

}  // namespace

std::vector<Part> DeadlineParts() {
  return {{"deadline moved", "a steady_timer set anew", kPays, Steps<Ours>(), Steps<Rearmed>()}};
}

}  // namespace portcall::bench
