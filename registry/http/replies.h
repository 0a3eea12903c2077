#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/http/message.h"
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

std::string_view NameOf(Code code);
int StatusOf(Code code);

// A JSON string, with bytes that are no UTF-8 replaced.
std::string Quote(std::string_view text);
// A JSON object of strings.
std::string QuoteObject(std::initializer_list<std::pair<std::string_view, std::string_view>> members);

http::Response Empty(int status);
http::Response Json(int status, std::string body);
http::Response PlainText(int status, std::string body);
// The error document; the first failure gives the status. `failures` is not empty.
http::Response Fail(std::span<const Failure> failures);
http::Response Fail(Code code, std::string detail = {});
// The API's answer to an error of the store or the blob store. The operator's text is logged and not sent.
http::Response FailWith(const Error& error);
// The answer when reading the request's body has failed.
http::Response FailBody(const Error& error);

}  // namespace portcall::registry
