#include "sinks/http/answer.h"

#include "runtime/http/message.h"

namespace portcall::sinks {

Verdict VerdictOf(int status) {
  if (status >= 200 && status < 300) return Verdict::kDelivered;
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return Verdict::kRejected;
    case 410:
      return Verdict::kGone;
    default:
      return Verdict::kFailed;
  }
}

std::string StatusText(int status) {
  std::string text = std::to_string(status);
  if (const std::string_view reason = http::ReasonOf(status); !reason.empty()) text.append(" ").append(reason);
  return text;
}

}  // namespace portcall::sinks
