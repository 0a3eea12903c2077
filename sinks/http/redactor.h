#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "runtime/http/url.h"

namespace portcall::sinks {

// Knows the secrets that an endpoint's requests carry and takes them out of what the receiver answers: many receivers
// echo a request they refuse. Immutable.
class Redactor {
 public:
  // Secrets are the values of the configured headers whose names speak of credentials, the URL's user and password,
  // what no plain word is of its path, and the values in its query; each however URLs, forms, JSON and HTML may
  // write it, wholly or partly escaped, in upper and lower case.
  Redactor(const config::HeaderList& headers, const http::Url& url);

  // `cut`: the text was cut off at its end, where the beginning of a secret may stand.
  std::string Redact(std::string text, bool cut) const;

 private:
  void Add(std::string_view secret);
  void AddBase64(std::string secret);
  void AddPair(std::string_view pair);
  void AddPath(std::string_view path);
  std::vector<std::string> secrets_;  // in lower case
};

// Whether a header of this name carries a credential; its value is shown nowhere.
bool IsSecretHeader(std::string_view name);

}  // namespace portcall::sinks
