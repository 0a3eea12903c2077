#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/http/lookup_threads.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::http {

// Looks names up on threads of its own, as getaddrinfo does: Asio's resolver has one thread, and c-ares does not ask
// all that the system's configuration names (nsswitch.conf). Lookups of one name are joined; answers are kept 30 s,
// failures 5 s. Used by one loop, which outlives it.
class Resolver {
 public:
  using Answer = Result<std::vector<asio::ip::address>>;
  using Done = std::function<void(std::shared_ptr<const Answer>)>;
  // Blocks for as long as it takes; called on threads that may outlive everything else.
  using LookUp = std::function<Answer(const std::string& host)>;
  static Answer AskSystem(const std::string& host);

  explicit Resolver(LookUp look_up = AskSystem);
  ~Resolver();  // on any thread; lookups under way end unheard, so that whoever waits has given up before
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` is called once, on the loop, perhaps before Start returns. kNotFound with the name and the system's reason.
  // Literal addresses are answered at once. There is no deadline: the caller has one.
  void Start(const Executor& executor, const std::string& host, Done done);

  const LookupThreads& threads() const { return threads_; }  // for libraries that look names up themselves

 private:
  struct State;
  struct Door;
  LookupThreads threads_;
  std::shared_ptr<Door> door_;
  std::shared_ptr<State> state_;
};

}  // namespace portcall::http
