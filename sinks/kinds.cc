#include "sinks/kinds.h"

#include <array>

#include "sinks/audit/sink/audit_kind.h"
#include "sinks/ci/ci_kind.h"
#include "sinks/http/webhook_kind.h"
#include "sinks/kafka/kafka_kind.h"

namespace portcall::sinks {

config::KindTable Kinds() {
  static const std::array<const config::Kind*, 4> kKinds{
      &WebhookKind(),  // the first: of entries without a type
      &KafkaKind(),
      &CiKind(),
      &AuditKind(),
  };
  return kKinds;
}

}  // namespace portcall::sinks
