#pragma once

#include <string>
#include <string_view>

#include "runtime/http/url.h"
#include "sinks/http/redactor.h"

namespace portcall::sinks {

// Says what became of a redirect: it is not followed, since secrets would go along. Immutable.
class Redirects {
 public:
  explicit Redirects(const http::Url& url);

  // ": redirect not followed: set url to …", with the place that Location names, fit for logs: our own path in it is
  // "…". Empty Location: without a place.
  std::string Explain(std::string_view location, const Redactor& redactor) const;

 private:
  std::string path_;  // of the endpoint's URL, without the slash at its end; empty: it has none
};

}  // namespace portcall::sinks
