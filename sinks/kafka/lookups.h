#pragma once

#include <netdb.h>

#include <memory>

#include "runtime/http/lookup_threads.h"

namespace portcall::sinks {

// The name lookups of one librdkafka client. They run on threads that may be left behind, so that a client whose name
// servers do not answer ends at once: its end waits for its own threads, and those wait here.
class KafkaLookups {
 public:
  explicit KafkaLookups(http::LookupThreads threads);
  // As getaddrinfo, for librdkafka's threads; EAI_AGAIN after End().
  int Find(const char* node, const char* service, const addrinfo* hints, addrinfo** found);
  void End();  // wakes all callers; any thread

 private:
  struct State;
  http::LookupThreads threads_;
  std::shared_ptr<State> state_;
};

}  // namespace portcall::sinks
