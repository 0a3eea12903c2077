#include "registry/http/replies.h"

#include <array>

#include "runtime/json.h"
#include "runtime/text.h"

namespace portcall::registry {
namespace {

struct CodeRow {
  Code code;
  int status;
  std::string_view name, message;
};

constexpr std::array kCodes{
    CodeRow{Code::kUnknown, 500, "UNKNOWN", "unknown error"},
    CodeRow{Code::kUnsupported, 405, "UNSUPPORTED", "The operation is unsupported."},
    CodeRow{Code::kUnavailable, 503, "UNAVAILABLE", "service unavailable"},
    CodeRow{Code::kDigestInvalid, 400, "DIGEST_INVALID", "provided digest did not match uploaded content"},
    CodeRow{Code::kSizeInvalid, 400, "SIZE_INVALID", "provided length did not match content length"},
    CodeRow{Code::kRangeInvalid, 416, "RANGE_INVALID", "invalid content range"},
    CodeRow{Code::kNameInvalid, 400, "NAME_INVALID", "invalid repository name"},
    CodeRow{Code::kTagInvalid, 400, "TAG_INVALID", "manifest tag did not match URI"},
    CodeRow{Code::kNameUnknown, 404, "NAME_UNKNOWN", "repository name not known to registry"},
    CodeRow{Code::kManifestUnknown, 404, "MANIFEST_UNKNOWN", "manifest unknown"},
    CodeRow{Code::kManifestInvalid, 400, "MANIFEST_INVALID", "manifest invalid"},
    CodeRow{Code::kManifestBlobUnknown, 400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"},
    CodeRow{Code::kBlobUnknown, 404, "BLOB_UNKNOWN", "blob unknown to registry"},
    CodeRow{Code::kBlobUploadUnknown, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"},
    CodeRow{Code::kBlobUploadInvalid, 404, "BLOB_UPLOAD_INVALID", "blob upload invalid"},
    CodeRow{Code::kPaginationNumberInvalid, 400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested"},
};

const CodeRow& RowOf(Code code) {
  const CodeRow& row = kCodes[static_cast<std::size_t>(code)];
  return row;
}

// Distribution logs its codes in lower case, with spaces.
std::string LoggedCode(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = c == '_' ? ' ' : runtime::LowerCase(c);
  return text;
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string quoted;
  runtime::AppendJsonString(quoted, text, runtime::JsonSpelling::kPlain);
  return quoted;
}

std::string QuoteObject(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
  std::string object;
  runtime::JsonWriter writer(object, runtime::JsonSpelling::kPlain);
  writer.Begin();
  for (const auto& [key, value] : members) writer.Text(key, value);
  writer.End();
  return object;
}

Reply Empty(int status) {
  Reply response;
  response.status = status;
  return response;
}

Reply Json(int status, std::string body) {
  Reply response = Empty(status);
  response.fields.Add("Content-Type", "application/json; charset=utf-8");
  response.body = std::move(body);
  return response;
}

Reply PlainText(int status, std::string body) {
  Reply response = Empty(status);
  response.fields.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

Reply Fail(std::span<const Failure> failures) {
  std::string body = R"({"errors":[)";
  for (const Failure& failure : failures) {
    const CodeRow& row = RowOf(failure.code);
    if (&failure != &failures.front()) body += ',';
    body.append(R"({"code":")").append(row.name).append(R"(","message":")").append(row.message).append("\"");
    if (!failure.detail.empty()) body.append(R"(,"detail":)").append(failure.detail);
    body += '}';
  }
  body += "]}\n";
  const CodeRow& first = RowOf(failures.front().code);
  Reply response = Json(first.status, std::move(body));
  response.notes.push_back({"err.code", LoggedCode(first.name)});
  if (!failures.front().detail.empty()) response.notes.push_back({"err.detail", failures.front().detail});
  response.notes.push_back({"err.message", std::string(first.message)});
  return response;
}

Reply Fail(Code code, std::string detail) {
  const Failure failure(code, std::move(detail));
  return Fail(std::span(&failure, 1));
}

Reply FailWith(const Error& error) {
  Reply response;
  switch (error.code) {
    case Errc::kNoSpace:
      response = Fail(Code::kUnavailable, Quote("the registry is out of disk space and refuses writes until there is "
                                                "room again; pulls keep working"));
      response.fields.Add("Retry-After", "60");
      break;
    case Errc::kUnavailable:
    case Errc::kTimeout:
    case Errc::kCancelled:
    case Errc::kOutcomeUnknown:  // the client asks again; every change may be made twice
      response = Fail(Code::kUnavailable);
      response.fields.Add("Retry-After", "5");
      break;
    case Errc::kConflict:
      response = Fail(Code::kRangeInvalid, Quote("another request has taken this upload over"));
      break;
    default:
      response = Fail(Code::kUnknown);
  }
  std::erase_if(response.notes, [](const runtime::LogField& field) { return field.key == "err.detail"; });
  response.notes.push_back({"err.detail", error.detail});
  return response;
}

Reply FailBody(const Error& error) {
  switch (error.code) {
    case Errc::kTooLarge: {
      Reply response = Fail(Code::kSizeInvalid, Quote("the request body is larger than this server accepts"));
      response.status = 413;
      return response;
    }
    case Errc::kTimeout: {
      Reply response = Fail(Code::kSizeInvalid, Quote("the request body did not arrive in time"));
      response.status = 408;
      response.close = true;
      return response;
    }
    case Errc::kInvalid: {
      Reply response = Fail(Code::kSizeInvalid, Quote("the request body is malformed or was cut short"));
      response.close = true;
      return response;
    }
    default:
      return FailWith(error);
  }
}

}  // namespace portcall::registry
