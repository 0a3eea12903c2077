#include "sinks/factory.h"

#include "sinks/audit/audit_sink.h"
#include "sinks/ci/ci_sink.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/webhook.h"

namespace portcall::sinks {

Result<std::unique_ptr<Sink>> MakeSink(const config::Endpoint& endpoint, const Surroundings& around) {
  if (endpoint.type == "audit") return MakeAudit(endpoint, around);
  if (endpoint.type == "ci") return MakeCi(endpoint, around);
  if (endpoint.type == "kafka") return MakeKafka(endpoint, around);
  if (endpoint.type == "webhook") return Webhook::Make(endpoint, around);
  return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": unknown type '" + endpoint.type + "'");
}

Result<void> CheckSink(const config::Endpoint& endpoint, const Surroundings& around) {
  if (endpoint.type == "audit") return {};  // its files are the configuration's to check
  if (endpoint.type == "kafka") return CheckKafka(endpoint);
  const auto made = MakeSink(endpoint, around);
  return made ? Result<void>() : Result<void>(made.error());
}

}  // namespace portcall::sinks
