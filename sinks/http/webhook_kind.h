#pragma once

#include "sinks/kind.h"

namespace portcall::sinks {

// `type: webhook`. POSTs events to a URL (webhook.h).
const Kind& WebhookKind();

}  // namespace portcall::sinks
