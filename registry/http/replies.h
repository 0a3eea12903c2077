#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/http/message.h"
#include "runtime/log.h"
#include "runtime/result.h"

namespace portcall::registry {

// The error codes of the distribution API, each with one status and one message.
enum class Code {
  kUnknown,
  kUnsupported,
  kUnavailable,
  kDigestInvalid,
  kSizeInvalid,
  kRangeInvalid,
  kNameInvalid,
  kTagInvalid,
  kNameUnknown,
  kManifestUnknown,
  kManifestInvalid,
  kManifestBlobUnknown,
  kBlobUnknown,
  kBlobUploadUnknown,
  kBlobUploadInvalid,
  kPaginationNumberInvalid,
};

struct Failure {
  Failure(Code c, std::string d = {}) : code(c), detail(std::move(d)) {}
  Code code;
  std::string detail;  // JSON text, or empty
};

// A JSON string, with bytes that are no UTF-8 replaced.
std::string Quote(std::string_view text);
// A JSON object of strings.
std::string QuoteObject(std::initializer_list<std::pair<std::string_view, std::string_view>> members);

// A response with what the log says of it: err.code, err.detail, err.message.
struct Reply : http::Response {
  std::vector<runtime::LogField> notes;
};

Reply Empty(int status);
Reply Json(int status, std::string body);
Reply PlainText(int status, std::string body);
// The error document; the first failure gives the status. `failures` is not empty.
Reply Fail(std::span<const Failure> failures);
Reply Fail(Code code, std::string detail = {});
// The API's answer to an error of the store or the blob store. The operator's text is logged and not sent.
Reply FailWith(const Error& error);
// The answer when reading the request's body has failed.
Reply FailBody(const Error& error);

}  // namespace portcall::registry
