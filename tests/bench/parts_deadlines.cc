// Deadlines of 10,000 connections on one loop: the wheel, against a timer of Asio's in each connection.
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

class OnWheel final : public http::Deadline {
 public:
  explicit OnWheel(asio::io_context& context) : Deadline(context) {}
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

// One wait that looks, when it ends, whether the deadline has moved on; a new one only for what is sooner.
class Lazy {
 public:
  explicit Lazy(asio::io_context& context) : timer_(context.get_executor()) {}
  void Step(Clock::duration d) {
    when_ = d == Clock::duration::zero() ? Clock::time_point::max() : Clock::now() + d;
    if (when_ < waits_until_) Wait();
  }

 private:
  void Wait() {
    waits_until_ = when_;
    timer_.expires_at(when_);
    timer_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](error_code ec) {
      if (ec || alive.expired()) return;
      waits_until_ = Clock::time_point::max();
      if (when_ > Clock::now() && when_ != Clock::time_point::max()) Wait();
    });
  }

  Timer timer_;
  Clock::time_point when_ = Clock::time_point::max();
  Clock::time_point waits_until_ = Clock::time_point::max();
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
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

// Connections that come, wait for one thing, and go.
template <class D>
std::size_t Lives() {
  asio::io_context context(1);
  std::deque<D> connections;
  for (std::size_t i = 0; i < kConnections; ++i) connections.emplace_back(context).Step(kSteps[0]);
  connections.clear();
  context.poll();
  return kConnections;
}

}  // namespace

std::vector<Part> DeadlineParts() {
  return {{"deadline moved", "a steady_timer set anew", kPays, Steps<OnWheel>(), Steps<Rearmed>()},
          {"deadline moved", "a steady_timer that looks again", kPays, Steps<OnWheel>(), Steps<Lazy>()},
          {"deadline of a new connection", "a steady_timer set anew", 0, Lives<OnWheel>, Lives<Rearmed>},
          {"deadline of a new connection", "a steady_timer that looks again", 0, Lives<OnWheel>, Lives<Lazy>}};
}

}  // namespace portcall::bench
