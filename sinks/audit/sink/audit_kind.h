#pragma once

#include "sinks/kind.h"

namespace portcall::sinks {

// `type: audit`. Writes events to a log that cannot be altered unnoticed (audit_sink.h).
const Kind& AuditKind();

}  // namespace portcall::sinks
