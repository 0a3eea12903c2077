#pragma once

#include <optional>
#include <string>

#include "runtime/http/url.h"
#include "runtime/result.h"

namespace portcall::http {

// What the environment says of proxies, with the meaning that Go's http.ProxyFromEnvironment gives it
// (golang.org/x/net/http/httpproxy).
struct ProxyEnvironment {
  std::string http, https, none;  // HTTP_PROXY, HTTPS_PROXY, NO_PROXY
  bool cgi = false;               // a request's header may have become HTTP_PROXY (CVE-2016-5386)

  static ProxyEnvironment OfProcess();  // in capitals, else in small letters; any thread, while nobody changes it
};

// The proxy for requests to `url`; none: they go straight. Its scheme is http (it forwards requests, and opens a tunnel
// for https) or socks5 (which includes socks5h: it looks names up). kInvalid names the variable, never what is in it.
Result<std::optional<Url>> ProxyFor(const ProxyEnvironment& environment, const Url& url);

// What Proxy-Authorization says to it: the URL's user and password as Basic; empty: nothing.
std::string ProxyAuthorization(const Url& proxy);

}  // namespace portcall::http
