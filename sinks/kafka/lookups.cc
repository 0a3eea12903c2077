#include "sinks/kafka/lookups.h"

#include <cerrno>
#include <optional>
#include <string>

#include "runtime/mutex.h"

namespace portcall::sinks {
namespace {

struct FreeList {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

struct Answer {
  bool given = false;
  int code = 0;
  int system_error = 0;  // errno, with EAI_SYSTEM
  std::unique_ptr<addrinfo, FreeList> list;
};

std::optional<std::string> Text(const char* text) {
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

}  // namespace

struct KafkaLookups::State {
  runtime::Mutex mutex;  // of the answers, too
  runtime::CondVar changed;
  bool ended GUARDED_BY(mutex) = false;
};

KafkaLookups::KafkaLookups(http::LookupThreads threads)
    : threads_(std::move(threads)), state_(std::make_shared<State>()) {}

int KafkaLookups::Find(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  auto answer = std::make_shared<Answer>();
  auto job = [state = state_, answer, host = Text(node), port = Text(service), wanted = *hints] {
    addrinfo* list = nullptr;
    const int code = ::getaddrinfo(host ? host->c_str() : nullptr, port ? port->c_str() : nullptr, &wanted, &list);
    const int error = errno;
    const runtime::MutexLock lock(state->mutex);
    if (code == 0) answer->list.reset(list);
    answer->code = code;
    answer->system_error = error;
    answer->given = true;
    state->changed.NotifyAll();
  };
  if (!threads_.Run(std::move(job))) return EAI_AGAIN;
  const runtime::MutexLock lock(state_->mutex);
  while (!answer->given && !state_->ended) state_->changed.Wait(state_->mutex);
  if (!answer->given) return EAI_AGAIN;
  *found = answer->list.release();
  errno = answer->system_error;
  return answer->code;
}

void KafkaLookups::End() {
  const runtime::MutexLock lock(state_->mutex);
  state_->ended = true;
  state_->changed.NotifyAll();
}

}  // namespace portcall::sinks
