#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace portcall::http {

// An absolute http or https URL, taken apart.
struct Url {
  std::string scheme;    // http or https
  std::string userinfo;  // decoded "user:password", or empty; never shown
  std::string host;      // without brackets; an IPv6 address may have its zone behind a %
  std::uint16_t port = 0;
  std::string target;  // path and query, at least "/"
  bool tls() const { return scheme == "https"; }
  std::string host_header() const;  // with the port where it is not the scheme's own; without a zone
  // In its normal form, fit for logs: without userinfo and query, and the path up to the first segment that is no plain
  // word, because tokens stand there too (Flux, Docker Hub, Slack); "…" is the rest of it.
  std::string Shown() const;
};

// A word in small letters of at most 20, with - and _ between, or a version such as v1: no token looks so.
bool IsPlainSegment(std::string_view segment);

// kInvalid says which part is wrong. Fragments are dropped.
Result<Url> ParseUrl(std::string_view text);

// A URL of any scheme as it was written, without what may be secret: user, password, query and fragment.
std::string ShownUrl(std::string_view text);

std::string PercentDecode(std::string_view text);  // '+' stays; a text with a bad escape stays as it is
std::string PercentEncode(std::string_view text);  // everything but unreserved characters
// The first value of a parameter in a query string, decoded ('+' is a space); false when it is not there.
bool QueryValue(std::string_view query, std::string_view name, std::string& value);
// All values of a parameter, in order.
std::vector<std::string> QueryValues(std::string_view query, std::string_view name);

}  // namespace portcall::http
