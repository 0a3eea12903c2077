#include "runtime/loops.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace portcall::runtime {

Loop::Loop(const char* thread_name) : work_(context_.get_executor()) {
  thread_ = std::jthread([this, name = std::string(thread_name)] {
    pthread_setname_np(pthread_self(), name.c_str());
    context_.run();
  });
}

Loop::~Loop() { Stop(); }

void Loop::Stop() {
  work_.reset();
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

namespace {

// The threads of a lane. Those that the library starts itself hang in its constructor when the system gives too few.
class LaneThreads final : public asio::execution_context::service {
 public:
  using key_type = LaneThreads;
  static inline asio::execution_context::id id;

  explicit LaneThreads(asio::execution_context& lane) : service(lane), lane_(static_cast<asio::thread_pool&>(lane)) {}

  void Start(unsigned threads) {
    try {
      for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { lane_.attach(); });
    } catch (...) {
      lane_.stop();
      Join();
      throw;
    }
  }
  void Finish() {
    if (!std::exchange(finished_, true)) lane_.wait();
    Join();
  }

 private:
  void shutdown() override { Join(); }  // the lane has been stopped
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  asio::thread_pool& lane_;
  std::vector<std::thread> threads_;
  bool finished_ = false;
};

LaneThreads& ThreadsOf(asio::thread_pool& lane) { return asio::use_service<LaneThreads>(lane); }

}  // namespace

// Threads for files wait for disks more than they compute, so that there are more of them than cores; an fsync may last
// as long as hundreds of reads. Hashing computes all the time, and leaves half of the cores to the loops.
Loops::Loops(unsigned servers, unsigned cores) : files_(0), hashing_(0), queries_(0), pages_(0) {
  ThreadsOf(files_).Start(std::max(8u, 2 * cores));
  ThreadsOf(hashing_).Start(std::max(2u, cores / 2));
  ThreadsOf(queries_).Start(kQueries);
  ThreadsOf(pages_).Start(kPages);
  broker_ = std::make_unique<Loop>("broker");
  for (unsigned i = 0; i < servers; ++i) {
    servers_.push_back(std::make_unique<Loop>(("server-" + std::to_string(i)).c_str()));
  }
}

Loops::~Loops() {
  lanes_.Await(std::chrono::steady_clock::time_point::max());
  for (asio::thread_pool* lane : {&pages_, &files_, &hashing_, &queries_}) ThreadsOf(*lane).Finish();
  broker_->Stop();
  for (const auto& server : servers_) server->Stop();
}

}  // namespace portcall::runtime
