#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::http {

// Looks names up on the pool, because Asio's own resolver has one thread and cannot be cancelled. Lookups of one name
// are joined; answers are kept 30 s, failures 5 s. One loop only. A lookup under way may outlive the resolver, not the
// loop or the pool.
class Resolver {
 public:
  using Answer = Result<std::vector<asio::ip::address>>;
  using Done = std::function<void(std::shared_ptr<const Answer>)>;

  explicit Resolver(asio::thread_pool& pool);
  // kNotFound with the name and the system's reason. Literal addresses are answered at once.
  Task<Result<std::vector<asio::ip::address>>> Resolve(std::string host);

  // For callers that may give up: `done` is called once, on the loop, perhaps before Start returns.
  void Start(const Executor& executor, const std::string& host, Done done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace portcall::http
