#include "runtime/loops.h"

#include <pthread.h>

#include <string>

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

Loops::Loops(unsigned servers, unsigned pool_threads) : pool_(pool_threads) {
  broker_ = std::make_unique<Loop>("broker");
  for (unsigned i = 0; i < servers; ++i) {
    servers_.push_back(std::make_unique<Loop>(("server-" + std::to_string(i)).c_str()));
  }
}

Loops::~Loops() {
  pool_.join();
  broker_->Stop();
  for (const auto& server : servers_) server->Stop();
}

}  // namespace portcall::runtime
