#include "runtime/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string>

namespace portcall::runtime {
namespace {

struct Spec {
  std::string name;
  std::atomic<int> passes_left{1};
};

// Never freed: threads may pass a failpoint while statics are being destroyed.
Spec* FromEnvironment() {
  const char* variable = std::getenv("PORTCALL_FAILPOINT");
  if (!variable || !*variable) return nullptr;
  auto* spec = new Spec;
  const std::string_view text = variable;
  const std::size_t colon = text.rfind(':');
  spec->name = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    int n = 1;
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), n);
    spec->passes_left = n;
  }
  return spec;
}

Spec* const armed = FromEnvironment();

}  // namespace

void Failpoint(std::string_view name) {
  if (!armed) [[likely]]
    return;
  if (armed->name == name && armed->passes_left.fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
}

}  // namespace portcall::runtime
