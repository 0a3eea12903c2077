#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/config.h"
#include "runtime/finding.h"

namespace portcall::sinks {

// A kind whose destinations can be looked at without sending them anything, beside what it is else.
class Inspectable {
 public:
  virtual ~Inspectable() = default;
  // Whether its names are known, somebody accepts connections, and who that is by TLS. Of an endpoint that this kind
  // has read. What goes over the network lasts for about twice `patience`; it waits for disks and name servers, too, so
  // that it is called on a thread that may be left behind. Never a secret.
  virtual runtime::Findings Inspect(const config::Endpoint& endpoint, std::chrono::milliseconds patience) const = 0;
  // Files with secrets that its entry names, beside those of `tls`.
  virtual std::vector<std::string> SecretFiles(const config::Endpoint& /*endpoint*/) const { return {}; }
};

// By the endpoint's kind, with what references have brought taken out; nothing of a kind that is not inspectable.
runtime::Findings Inspect(const config::Endpoint& endpoint, std::chrono::milliseconds patience);

std::vector<std::string> SecretFilesOf(const config::Endpoint& endpoint);  // likewise

}  // namespace portcall::sinks
